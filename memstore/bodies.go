package memstore

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// The bodies of a shard lie end to end in pages without pointers, so that the
// garbage collector marks a page of them instead of each. Keeping each body as a
// string of its own is the obvious way; with a million sessions it makes every
// collection three times as long.
//
// A pile holds the bodies of about one length in blocks of one size. It has no
// holes: when a block is given up, the last one moves into its place. So pages fall
// free as sessions go, and nothing is left to be compacted later. A block begins
// with the number of its slot, which tells whose reference moves with it, and may lie
// across the border of two pages: no page then has a rest that fits nothing.
type pile struct {
	pages []*[pageSize]byte
	n     int // blocks in use: the first n
}

const (
	pageSize = 2 << 10
	refSize  = 4

	// maxBlock bounds what is copied under a lock. A longer body is an allocation of
	// its own, which costs the collector little for its length.
	maxBlock = 4 << 10
	maxSmall = maxBlock - refSize

	fineStep, coarseStep = 8, 64 // between the sizes up to fineBlock, and above
	fineBlock            = 1 << 10
	fineClasses          = fineBlock / fineStep
)

// class returns the pile for bodies of a length, and the size of its blocks.
func class(length int) (pile, block int) {
	n := length + refSize
	if n <= fineBlock {
		pile = (n - 1) / fineStep
		return pile, (pile + 1) * fineStep
	}
	i := (n - fineBlock - 1) / coarseStep
	return fineClasses + i, fineBlock + (i+1)*coarseStep
}

// A longBody is one that is too long for a pile. It is never changed in place.
type longBody struct {
	body []byte
	ref  uint32
}

// keep stores a body for a slot. A long one belongs to the store from then on.
func (s *shard) keep(ref uint32, body []byte) {
	rec := s.slot(ref)
	rec.size = uint32(len(body))
	if len(body) > maxSmall {
		rec.block = uint32(len(s.long))
		s.long = append(s.long, longBody{body, ref})
		return
	}
	i, block := class(len(body))
	for len(s.piles) <= i {
		s.piles = append(s.piles, pile{})
	}
	p := &s.piles[i]
	rec.block = uint32(p.n)
	p.n++
	for p.n*block > len(p.pages)*pageSize {
		p.pages = append(p.pages, new([pageSize]byte))
	}
	at := int(rec.block) * block
	var owner [refSize]byte
	binary.LittleEndian.PutUint32(owner[:], ref)
	p.write(at, owner[:])
	p.write(at+refSize, body)
}

// replace stores another body for a slot, in the same place if it fits there.
func (s *shard) replace(ref uint32, body []byte) {
	rec := s.slot(ref)
	if rec.size <= maxSmall && len(body) <= maxSmall {
		before, _ := class(int(rec.size))
		if i, block := class(len(body)); i == before {
			rec.size = uint32(len(body))
			s.piles[i].write(int(rec.block)*block+refSize, body)
			return
		}
	}
	s.lose(ref)
	s.keep(ref, body)
}

// lose gives up the body of a slot. The last one of its pile takes its place.
func (s *shard) lose(ref uint32) {
	rec := s.slot(ref)
	if rec.size > maxSmall {
		last := len(s.long) - 1
		s.long[rec.block] = s.long[last]
		s.slot(s.long[last].ref).block = rec.block
		s.long[last] = longBody{}
		s.long = s.long[:last]
		return
	}
	i, block := class(int(rec.size))
	p := &s.piles[i]
	p.n--
	if from := p.n * block; int(rec.block) != p.n {
		var owner [refSize]byte
		p.read(owner[:], from)
		p.move(int(rec.block)*block, from, block)
		s.slot(binary.LittleEndian.Uint32(owner[:])).block = rec.block
	}
	// One page stays in reserve, for sessions that come and go at the border.
	for spare := len(p.pages) - 1; spare*pageSize >= p.n*block+pageSize; spare-- {
		p.pages[spare] = nil
		p.pages = p.pages[:spare]
	}
}

// body returns the body of a slot: a copy in to, or a long one itself.
func (s *shard) body(rec *slot, to *buffer) []byte {
	if rec.size > maxSmall {
		return s.long[rec.block].body
	}
	body := to[:rec.size]
	s.head(rec, body)
	return body
}

// head copies the first bytes of a body.
func (s *shard) head(rec *slot, to []byte) {
	if rec.size > maxSmall {
		copy(to, s.long[rec.block].body)
		return
	}
	i, block := class(int(rec.size))
	s.piles[i].read(to, int(rec.block)*block+refSize)
}

func (p *pile) read(to []byte, at int) {
	for len(to) > 0 {
		n := copy(to, p.pages[at/pageSize][at%pageSize:])
		to, at = to[n:], at+n
	}
}

func (p *pile) write(at int, from []byte) {
	for len(from) > 0 {
		n := copy(p.pages[at/pageSize][at%pageSize:], from)
		from, at = from[n:], at+n
	}
}

func (p *pile) move(to, from, n int) {
	for n > 0 {
		in := p.pages[to/pageSize][to%pageSize:]
		out := p.pages[from/pageSize][from%pageSize:]
		k := copy(in[:min(n, len(in))], out)
		to, from, n = to+k, from+k, n-k
	}
}

// A buffer is where a body is put together or taken apart, without a lock.
type buffer [maxSmall]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// uvarintLen is the length of [binary.AppendUvarint]'s.
func uvarintLen(v uint64) int { return max(1, (bits.Len64(v)+6)/7) }
