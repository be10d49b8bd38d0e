package memstore

import "math"

// Each shard keeps its records in these orders.
const (
	byExpiry   = iota // all records, by ExpiresAt
	byActivity        // the anonymous ones, by LastActivity, then by write
	orders
)

// An order is a binary heap of slot numbers. Each slot knows its positions in the heaps,
// so a record can move or leave without a search. A list in order of use would be
// simpler, but would be correct only if the clocks of the callers never went back.
//
// It does not use container/heap, which costs an interface call for each comparison.
type order []uint32

// before reports whether slot a comes before slot b.
func (s *shard) before(by int, a, b uint32) bool {
	x, y := s.slot(a), s.slot(b)
	if by == byActivity && x.at[by] == y.at[by] {
		return earlier(x.next, y.next)
	}
	return x.at[by] < y.at[by]
}

// earlier reports whether write number a comes before b. Write numbers wrap around.
func earlier(a, b uint32) bool { return int32(a-b) < 0 }

// front returns the instant of the first record in an order, or [math.MaxInt64] if there
// is none.
func (s *shard) front(by int) int64 {
	if len(s.orders[by]) == 0 {
		return math.MaxInt64
	}
	return s.slot(s.orders[by][0]).at[by]
}

// first returns the first slot of an order, except for the spared one, or none. If the
// spared slot is the root of the heap, that is the lesser of its two children.
func (s *shard) first(by int, spare uint32) uint32 {
	o := s.orders[by]
	switch {
	case len(o) == 0:
		return none
	case o[0] != spare:
		return o[0]
	case len(o) == 1:
		return none
	case len(o) == 2 || s.before(by, o[1], o[2]):
		return o[1]
	}
	return o[2]
}

func (s *shard) push(by int, ref uint32) {
	s.orders[by] = append(s.orders[by], ref)
	s.up(by, len(s.orders[by])-1)
}

// fix restores the heap after the instant of a slot has changed.
func (s *shard) fix(by int, ref uint32) {
	i := int(s.slot(ref).pos[by])
	if s.up(by, i) == i {
		s.down(by, i)
	}
}

// pop removes a slot from an order.
func (s *shard) pop(by int, ref uint32) {
	o := s.orders[by]
	i, last := int(s.slot(ref).pos[by]), len(o)-1
	moved := o[last]
	s.orders[by] = o[:last]
	s.slot(ref).pos[by] = none
	if moved != ref {
		s.set(by, i, moved)
		s.fix(by, moved)
	}
}

func (s *shard) set(by, i int, ref uint32) {
	s.orders[by][i] = ref
	s.slot(ref).pos[by] = uint32(i)
}

// up moves the slot at position i toward the root, and returns its new position.
func (s *shard) up(by, i int) int {
	o := s.orders[by]
	ref := o[i]
	for i > 0 && s.before(by, ref, o[(i-1)/2]) {
		s.set(by, i, o[(i-1)/2])
		i = (i - 1) / 2
	}
	s.set(by, i, ref)
	return i
}

// down moves the slot at position i toward the leaves.
func (s *shard) down(by, i int) {
	o := s.orders[by]
	ref := o[i]
	for {
		child := 2*i + 1
		if child >= len(o) {
			break
		}
		if child+1 < len(o) && s.before(by, o[child+1], o[child]) {
			child++
		}
		if !s.before(by, o[child], ref) {
			break
		}
		s.set(by, i, o[child])
		i = child
	}
	s.set(by, i, ref)
}
