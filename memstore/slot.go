package memstore

import (
	"encoding/binary"
	"math"
	"time"
	"unsafe"

	"github.com/expanse-go/session"
)

// A slot is one record, in 48 bytes without pointers. Fields that are written together
// with Data are in the body. Fields that change without Data, or are compared often, are
// here.
type slot struct {
	id session.ID
	at [orders]int64 // the instants by which the orders are sorted

	// The position of the slot in each order. An owned record is not in the order of
	// activity. It uses that field for the previous slot in the chain of its owner; see
	// prev.
	pos [orders]uint32

	// The next slot in the chain of the owner, or in the free list. For an anonymous
	// record, it is the number of its last write instead.
	next uint32

	// The number of the page that has the body (16 bits), whether the record has an owner
	// (1 bit), and the offset of the body in the page (15 bits). It is none in a free slot.
	where uint32
}

const ownedBit = 1 << 15

func (s *slot) page() uint16    { return uint16(s.where >> 16) }
func (s *slot) offset() int     { return int(s.where & (ownedBit - 1)) }
func (s *slot) anonymous() bool { return s.where&ownedBit == 0 }
func (s *slot) prev() *uint32   { return &s.pos[byActivity] }

// put sets the location of the body.
func (s *slot) put(page uint16, offset int) {
	s.where = uint32(page)<<16 | s.where&ownedBit | uint32(offset)
}

// none is a slot number that does not exist.
const none = math.MaxUint32

// pack encodes the body of a record:
//
//	uvarint  Version
//	8 bytes  CreatedAt, nanoseconds since 1970, big-endian
//	uvarint  length of Owner, of Client.Address, of Client.UserAgent
//	         Owner, Client.Address, Client.UserAgent, Data to the end
//
// The integers of a typical record take 12 bytes. The result is an entry for the log,
// with room for its head. It is in the buffer if it fits, and a new allocation otherwise.
func pack(to *buffer, r *session.Record, version uint64) (entry []byte) {
	owner, address, agent := uint64(len(r.Owner)), uint64(len(r.Client.Address)), uint64(len(r.Client.UserAgent))
	size := entryHead + uvarintLen(version) + 8 + uvarintLen(owner) + uvarintLen(address) + uvarintLen(agent) +
		len(r.Owner) + len(r.Client.Address) + len(r.Client.UserAgent) + len(r.Data)
	b := to[:entryHead]
	if size > maxEntry {
		b = make([]byte, entryHead, size)
	}
	b = binary.AppendUvarint(b, version)
	b = binary.BigEndian.AppendUint64(b, uint64(nanos(r.CreatedAt)))
	b = binary.AppendUvarint(b, owner)
	b = binary.AppendUvarint(b, address)
	b = binary.AppendUvarint(b, agent)
	b = append(b, r.Owner...)
	b = append(b, r.Client.Address...)
	b = append(b, r.Client.UserAgent...)
	return append(b, r.Data...)
}

// A packed is a decoded body. Its slices are parts of the body.
type packed struct {
	version uint64
	created int64
	text    []byte // Owner, Client.Address, Client.UserAgent
	ends    [3]int // the end of each in text
	data    []byte
}

func unpack(body []byte) (p packed) {
	version, n := binary.Uvarint(body)
	p.version = version
	p.created = int64(binary.BigEndian.Uint64(body[n:]))
	body = body[n+8:]
	end := 0
	for i := range p.ends {
		length, n := binary.Uvarint(body)
		body = body[n:]
		end += int(length)
		p.ends[i] = end
	}
	p.text, p.data = body[:end], body[end:]
	return p
}

func (p *packed) owner() []byte { return p.text[:p.ends[0]] }

// record returns the record. Its strings and Data share memory with the body, which never
// changes.
func (s *slot) record(body []byte) session.Record {
	p := unpack(body)
	text := unsafe.String(unsafe.SliceData(p.text), len(p.text))
	return session.Record{
		ID:           s.id,
		Version:      p.version,
		Owner:        text[:p.ends[0]],
		Client:       session.Client{Address: text[p.ends[0]:p.ends[1]], UserAgent: text[p.ends[1]:]},
		CreatedAt:    instant(p.created),
		LastActivity: instant(s.at[byActivity]),
		ExpiresAt:    instant(s.at[byExpiry]),
		Data:         p.data,
	}
}

// The zero time and the far future are outside the range of int64 nanoseconds (the years
// 1678 to 2262). They are stored as the ends of the range, which keeps their order. The
// lower end is decoded as the zero time.
const (
	minInstant = math.MinInt64
	maxInstant = math.MaxInt64 - 1 // less than the front of an empty order
)

var (
	firstTime = time.Unix(0, minInstant)
	lastTime  = time.Unix(0, maxInstant)
)

func nanos(t time.Time) int64 {
	switch {
	case t.Before(firstTime):
		return minInstant
	case t.After(lastTime):
		return maxInstant
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == minInstant {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
