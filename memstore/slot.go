package memstore

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unsafe"

	"github.com/expanse-go/session"
)

// A slot is one record in 64 bytes, a cache line. What is written together with
// Data is in the body; what changes without it, or is compared, is here.
//
// Sharing one string instead of holding five values is what keeps the price of a
// record low: one allocation, one pointer for the collector to follow.
type slot struct {
	id  session.ID
	at  [orders]int64  // the instants that the orders sort by
	pos [orders]uint32 // where the slot stands in each order; none: not in it

	// An owned record is linked to the others of its owner in the shard. An
	// anonymous one keeps the number of its last write in next instead. A free slot
	// links to the next free one.
	next, prev uint32

	body string // see pack; "" marks a free slot
}

// none is the slot number that does not exist.
const none = math.MaxUint32

// pack lays out the body of a record:
//
//	8 bytes  CreatedAt, nanoseconds since 1970, big-endian
//	uvarint  Version
//	uvarint  length of Owner, of Client.Address, of Client.UserAgent
//	         Owner, Client.Address, Client.UserAgent, Data to the end
//
// The integers of a usual record take 12 bytes.
func pack(r *session.Record, version uint64) string {
	var head [8 + 4*binary.MaxVarintLen64]byte
	h := binary.BigEndian.AppendUint64(head[:0], uint64(nanos(r.CreatedAt)))
	h = binary.AppendUvarint(h, version)
	h = binary.AppendUvarint(h, uint64(len(r.Owner)))
	h = binary.AppendUvarint(h, uint64(len(r.Client.Address)))
	h = binary.AppendUvarint(h, uint64(len(r.Client.UserAgent)))

	var b strings.Builder
	b.Grow(len(h) + len(r.Owner) + len(r.Client.Address) + len(r.Client.UserAgent) + len(r.Data))
	b.Write(h)
	b.WriteString(r.Owner)
	b.WriteString(r.Client.Address)
	b.WriteString(r.Client.UserAgent)
	b.Write(r.Data)
	return b.String()
}

// A packed is a body taken apart. Its strings are parts of the body.
type packed struct {
	created                         int64
	version                         uint64
	owner, address, userAgent, data string
}

func unpack(body string) (p packed) {
	for i := range 8 {
		p.created = p.created<<8 | int64(body[i])
	}
	var lengths [3]uint64
	p.version, body = uvarint(body[8:])
	for i := range lengths {
		lengths[i], body = uvarint(body)
	}
	p.owner, body = body[:lengths[0]], body[lengths[0]:]
	p.address, body = body[:lengths[1]], body[lengths[1]:]
	p.userAgent, p.data = body[:lengths[2]], body[lengths[2]:]
	return p
}

// uvarint is [binary.Uvarint] on a string, which pack has written.
func uvarint(s string) (v uint64, rest string) {
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		v |= uint64(s[i]&0x7f) << shift
		if s[i] < 0x80 {
			return v, s[i+1:]
		}
	}
}

// record is a copy of the slot for the caller to own.
func (s *slot) record() session.Record {
	r := s.view()
	r.Data = bytes.Clone(r.Data)
	return r
}

// view is record with the body's own data, for a caller that only reads it.
func (s *slot) view() session.Record {
	p := unpack(s.body)
	return session.Record{
		ID:           s.id,
		Version:      p.version,
		Owner:        p.owner,
		Client:       session.Client{Address: p.address, UserAgent: p.userAgent},
		CreatedAt:    instant(p.created),
		LastActivity: instant(s.at[byActivity]),
		ExpiresAt:    instant(s.at[byExpiry]),
		Data:         unsafe.Slice(unsafe.StringData(p.data), len(p.data)), // see session.Viewer
	}
}

// The zero time and the far future are outside of what int64 nanoseconds can
// say (the years 1678 to 2262). They become its ends, which sort alike, and the
// lower end is read as the zero time again.
const (
	longAgo = math.MinInt64
	farOff  = math.MaxInt64 - 1 // one below what an empty order has at its front
)

var (
	firstTime = time.Unix(0, longAgo)
	lastTime  = time.Unix(0, farOff)
)

func nanos(t time.Time) int64 {
	switch {
	case t.Before(firstTime):
		return longAgo
	case t.After(lastTime):
		return farOff
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == longAgo {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
