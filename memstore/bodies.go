package memstore

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync"

	"github.com/expanse-go/session"
)

// A bodyLog holds the bodies of the records of a shard, as entries of a log. The log
// consists of pages without pointers, so the garbage collector marks whole pages instead
// of single bodies. With a string for each body, every collection takes several times as
// long if there are a million sessions.
//
// An entry never changes, because View returns it without a copy. A changed body gets a
// new entry, and the old one is dead. While more than a quarter of the log is dead, each
// write moves a few live entries from the oldest page to the newest one (see compact).
// An empty page is left to the garbage collector, which frees it when no caller of View
// still uses it.
type bodyLog struct {
	pages     []page
	first     uint16 // the number of pages[0]; the numbers of the following pages count up, and wrap around
	open      int    // the number of the page that takes new entries, or closed
	compacted int    // the offset in the oldest page up to which it has been compacted

	written, live int // bytes of all entries, and of the live ones
	held          int // the number of pages that have not been released
}

// A page is a sequence of entries. Each entry has the number of its slot (4 bytes), its
// length (2 bytes), and the body. An entry longer than maxEntry has a page of its own,
// and its length field is 0.
type page struct {
	data []byte // nil: released
	live int    // bytes of the live entries
}

const (
	entryHead = 6
	maxEntry  = 4 << 10
	minPage   = 2 << 10
	maxPage   = 28 << 10 // limits the memory that a caller of View can keep alive

	// With fewer dead bytes than this, most pages become empty without compaction.
	compactFrom = 16 << 10

	// maxPages leaves some page numbers for compaction.
	maxPages = 1<<16 - 1<<8

	closed = -1
)

var littleEndian = binary.LittleEndian

// addBody fills in the head of an entry, and stores the entry as the body of a slot. It
// takes ownership of an entry longer than maxEntry, and copies any other.
func (s *shard) addBody(ref uint32, entry []byte) {
	littleEndian.PutUint32(entry, ref)
	littleEndian.PutUint16(entry[4:], 0)
	if len(entry) <= maxEntry {
		littleEndian.PutUint16(entry[4:], uint16(len(entry)))
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

func (l *bodyLog) page(number uint16) *page { return &l.pages[number-l.first] }

func (p *page) room() int { return cap(p.data) - len(p.data) }

// add appends a page and returns its number.
func (l *bodyLog) add(data []byte) uint16 {
	l.pages = append(l.pages, page{data: data})
	l.held++
	return l.first + uint16(len(l.pages)-1)
}

// full returns an error if there are no page numbers left. That happens after a third of
// a terabyte, or after several million bodies that are longer than maxEntry.
func (l *bodyLog) full() error {
	if len(l.pages) < maxPages {
		return nil
	}
	return fmt.Errorf("%w: the memory store cannot hold more sessions of this size, whatever MaxBytes is", session.ErrFull)
}

// fullPages lists size classes of the allocator.
var fullPages = [...]int{18 << 10, 20 << 10, 21760, 24 << 10, 27264, maxPage}

// pageSize returns the size of a new page for an entry of n bytes. It is small while the
// log is small, because a store has 256 logs. For a larger log it is the size class that
// wastes the least space if all entries have this size, which is common. Otherwise each
// session might cost about ten bytes more.
func (l *bodyLog) pageSize(n int) int {
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

// dropBody marks the body of a slot as dead.
func (s *shard) dropBody(ref uint32) {
	l, rec := &s.log, s.slot(ref)
	n := entryHead + s.size(rec)
	number := rec.page()
	rec.where |= none &^ ownedBit // nowhere
	l.release(number, n)
	s.compact(5 * n)
}

// release counts an entry as dead, and releases its page if no live entry is left.
func (l *bodyLog) release(number uint16, n int) {
	p := l.page(number)
	p.live -= n
	l.live -= n
	if p.live == 0 && int(number) != l.open {
		l.written -= len(p.data)
		l.held--
		p.data = nil
	}
}

// compact processes up to budget bytes of the oldest pages, and moves their live entries
// to the newest page, if more than a quarter of the log is dead. A budget of five times
// the bytes that have just died is enough, because on average a fifth of the processed
// bytes is dead. It also compacts if there are too many released pages, because a single
// old entry would keep the numbers of all later pages in use.
func (s *shard) compact(budget int) {
	l := &s.log
	for len(l.pages) > 0 {
		p := &l.pages[0]
		if p.data != nil && (budget <= 0 || !l.needsCompaction()) {
			return
		}
		if l.open == int(l.first) {
			l.open = closed
		}
		if p.data == nil || l.compacted == len(p.data) {
			if p.data != nil {
				l.written -= len(p.data)
				l.held--
			}
			*p = page{}
			l.pages, l.first, l.compacted = l.pages[1:], l.first+1, 0
			continue
		}
		at := l.compacted
		entry := p.data[at:]
		ref, n := littleEndian.Uint32(entry), int(littleEndian.Uint16(entry[4:]))
		if n == 0 {
			n = len(entry)
		}
		l.compacted += n
		budget -= n
		if rec := s.slot(ref); rec.where != none && rec.page() == l.first && rec.offset() == at {
			p.live -= n
			l.live -= n
			s.write(ref, entry[:n])
		}
	}
}

func (l *bodyLog) needsCompaction() bool {
	dead := l.written - l.live
	return dead > compactFrom && 4*dead > l.written || len(l.pages) > 2*l.held+16
}

// body returns the body of a slot. The bytes never change.
func (s *shard) body(rec *slot) []byte {
	data := s.log.page(rec.page()).data
	from := rec.offset() + entryHead
	to := from + s.size(rec)
	return data[from:to:to]
}

// size returns the length of the body of a slot.
func (s *shard) size(rec *slot) int {
	entry := s.log.page(rec.page()).data[rec.offset():]
	if n := int(littleEndian.Uint16(entry[4:])); n != 0 {
		return n - entryHead
	}
	return len(entry) - entryHead
}

// A buffer is scratch space to encode an entry outside of the lock.
type buffer [maxEntry]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// uvarintLen returns the number of bytes that [binary.AppendUvarint] appends.
func uvarintLen(v uint64) int { return max(1, (bits.Len64(v)+6)/7) }
