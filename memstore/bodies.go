package memstore

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"github.com/expanse-go/session"
)

// The bodies of a shard are entries of a log: of pages without pointers, so that the
// garbage collector marks a page of them instead of each. Keeping each body as a
// string of its own is the obvious way; with a million sessions it makes every
// collection several times as long.
//
// An entry is never changed, as View lends it. A body that changes gets a new entry,
// and the old one is dead. While more than a quarter of the log is dead, each write
// moves a few living entries from the oldest page to the newest one (see tidy), and
// an emptied page is left to the collector, which keeps it as long as somebody reads
// what was lent from it.
type bodies struct {
	pages []page
	first uint16 // the number of pages[0]; the next has the next one, and 0 follows the last
	open  int    // the number of the page that takes entries, or closed
	swept int    // how far the oldest page has been tidied

	written, live int // bytes of all entries, and of those that are somebody's body
	held          int // pages that have not been given up
}

// A page holds entries end to end, each with the number of its slot (4 bytes), its
// length (2 bytes), and the body. One that is longer than maxEntry has a page for
// itself, and states no length.
type page struct {
	data []byte // nil: given up
	live int
}

const (
	entryHead = 6
	maxEntry  = 4 << 10
	minPage   = 2 << 10
	maxPage   = 28 << 10 // what a reader who keeps lent bytes keeps alive

	// Where less is dead, pages mostly die by themselves before it is worth tidying.
	tidyFrom = 16 << 10

	// mostPages leaves numbers for what tidying moves.
	mostPages = 1<<16 - 1<<8

	closed = -1
)

var little = binary.LittleEndian

// keep stores an entry, whose head is yet to be filled in, as the body of a slot. A
// long one belongs to the store from then on.
func (s *shard) keep(ref uint32, entry []byte) {
	little.PutUint32(entry, ref)
	little.PutUint16(entry[4:], 0)
	if len(entry) <= maxEntry {
		little.PutUint16(entry[4:], uint16(len(entry)))
	}
	s.write(ref, entry)
}

func (s *shard) write(ref uint32, entry []byte) {
	l, rec, n := &s.log, s.slot(ref), len(entry)
	if n > maxEntry {
		rec.put(l.add(entry[:n:n]), 0)
	} else {
		if l.open == closed || l.page(uint16(l.open)).room() < n {
			l.open = int(l.add(make([]byte, 0, l.pageSize(n))))
		}
		p := l.page(uint16(l.open))
		rec.put(uint16(l.open), len(p.data))
		p.data = append(p.data, entry...)
	}
	l.page(rec.page()).live += n
	l.live += n
	l.written += n
}

func (l *bodies) page(number uint16) *page { return &l.pages[number-l.first] }

func (p *page) room() int { return cap(p.data) - len(p.data) }

// add appends a page and returns its number.
func (l *bodies) add(data []byte) uint16 {
	l.pages = append(l.pages, page{data: data})
	l.held++
	return l.first + uint16(len(l.pages)-1)
}

// full tells that there are no numbers left for pages: after a third of a terabyte, or some
// million bodies of more than a page entry.
func (l *bodies) full() error {
	if len(l.pages) < mostPages {
		return nil
	}
	return fmt.Errorf("%w: the memory store has no room for more sessions of this size, whatever MaxBytes is", session.ErrFull)
}

// fullPages are sizes in which the allocator hands out memory.
var fullPages = [...]int{18 << 10, 20 << 10, 21760, 24 << 10, 27264, maxPage}

// pageSize is small while there is little to hold: a store has 256 logs. Sessions are
// often of one size, so a full page is one of the sizes that leave little behind the
// last entry if all are like this one; else every session may pay some ten bytes more.
func (l *bodies) pageSize(n int) int {
	size := 1 << bits.Len(uint(max(minPage, 4*n, l.live/8)-1))
	if size < fullPages[0] {
		return size
	}
	best := fullPages[0]
	for _, size := range fullPages {
		if size%n*(best/n) < best%n*(size/n) {
			best = size
		}
	}
	return best
}

// lose gives up the body of a slot.
func (s *shard) lose(ref uint32) {
	l, rec := &s.log, s.slot(ref)
	n := entryHead + s.size(rec)
	number := rec.page()
	rec.where |= none &^ ownedBit // nowhere
	l.forget(number, n)
	s.tidy(5 * n)
}

// forget counts an entry as dead, and gives up its page if that was the last one.
func (l *bodies) forget(number uint16, n int) {
	p := l.page(number)
	p.live -= n
	l.live -= n
	if p.live == 0 && int(number) != l.open {
		l.written -= len(p.data)
		l.held--
		p.data = nil
	}
}

// tidy moves on through the oldest pages by so many bytes, if more than a quarter of
// the log is dead. Five times as many as have just died are enough, because a fifth
// of what it moves through is dead on average. A single old entry would otherwise
// keep the numbers of all pages since.
func (s *shard) tidy(budget int) {
	l := &s.log
	for len(l.pages) > 0 {
		p := &l.pages[0]
		if p.data != nil && (budget <= 0 || !l.untidy()) {
			return
		}
		if l.open == int(l.first) {
			l.open = closed
		}
		if p.data == nil || l.swept == len(p.data) {
			if p.data != nil {
				l.written -= len(p.data)
				l.held--
			}
			*p = page{}
			l.pages, l.first, l.swept = l.pages[1:], l.first+1, 0
			continue
		}
		at := l.swept
		entry := p.data[at:]
		ref, n := little.Uint32(entry), int(little.Uint16(entry[4:]))
		if n == 0 {
			n = len(entry)
		}
		l.swept += n
		budget -= n
		if rec := s.slot(ref); rec.where != none && rec.page() == l.first && rec.offset() == at {
			p.live -= n
			l.live -= n
			s.write(ref, entry[:n])
		}
	}
}

func (l *bodies) untidy() bool {
	dead := l.written - l.live
	return dead > tidyFrom && 4*dead > l.written || len(l.pages) > 2*l.held+16
}

// body returns the body of a slot. It never changes.
func (s *shard) body(rec *slot) []byte {
	data := s.log.page(rec.page()).data
	from := rec.offset() + entryHead
	to := from + s.size(rec)
	return data[from:to:to]
}

// size is the length of the body of a slot.
func (s *shard) size(rec *slot) int {
	entry := s.log.page(rec.page()).data[rec.offset():]
	if n := int(little.Uint16(entry[4:])); n != 0 {
		return n - entryHead
	}
	return len(entry) - entryHead
}

// A buffer is where an entry is put together without a lock.
type buffer [maxEntry]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// uvarintLen is the length of [binary.AppendUvarint]'s.
func uvarintLen(v uint64) int { return max(1, (bits.Len64(v)+6)/7) }
