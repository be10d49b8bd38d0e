package cli

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// least keeps the n least values of those that are added, without duplicates. It holds at
// most 2n of them, so its memory does not depend on how many are added.
type least[T any] struct {
	n       int
	compare func(a, b T) int

	kept    []T
	dropped bool // a value; then the first n of kept are in order and bound the rest
}

func (l *least[T]) add(v T) {
	if l.dropped && l.compare(v, l.kept[l.n-1]) >= 0 {
		return
	}
	l.kept = append(l.kept, v)
	if len(l.kept) == 2*l.n {
		l.cut()
	}
}

// cut sorts the values and drops those that are not among the n least.
func (l *least[T]) cut() {
	slices.SortFunc(l.kept, l.compare)
	l.kept = slices.CompactFunc(l.kept, func(a, b T) bool { return l.compare(a, b) == 0 })
	if len(l.kept) > l.n {
		clear(l.kept[l.n:])
		l.kept, l.dropped = l.kept[:l.n], true
	}
}

// exactOwners is how many owners are counted exactly. With as many hashes, the standard error
// of an estimate is 0.4 %.
const exactOwners = 1 << 16

// A distinct counts different texts in bounded memory. It keeps the least of their hashes.
type distinct struct{ hashes least[uint64] }

func newDistinct() *distinct {
	return &distinct{least[uint64]{n: exactOwners, compare: cmp.Compare[uint64]}}
}

func (d *distinct) add(text string) {
	sum := sha256.Sum256([]byte(text))
	d.hashes.add(binary.BigEndian.Uint64(sum[:]))
}

// count returns the number of texts, and whether it is exact. Hashes are spread evenly, so if
// there are n of them, the k-th lies at about k/n of their range.
func (d *distinct) count() (n int, exact bool) {
	d.hashes.cut()
	k := len(d.hashes.kept)
	if !d.hashes.dropped {
		return k, true
	}
	part := float64(d.hashes.kept[k-1]) / math.MaxUint64
	return int(math.Round(float64(k-1) / part)), false
}
