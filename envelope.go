package session

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// An envelope is the content of [Record.Data], except for the user's document.
//
// Version 1, integers big-endian, lengths as unsigned varints:
//
//	+------+-----+------------+-----------------------------+-----+----------+
//	| 0xE5 | 0x01| CRC-32C    | fields                      | 0x00| document |
//	| magic| ver.| of the rest| tag, length, bytes; by tag  | end | JSON     |
//	+------+-----+------------+-----------------------------+-----+----------+
//
//	 1  digest of the secret, 32 bytes
//	 2  a previous digest: 32 bytes, kind 1 byte, deadline 8 bytes; once for each, oldest
//	    first
//	 3  when the token was made, 8 bytes
//	 4  when the owner logged in, 8 bytes
//	 5  own timeouts: idle 8 bytes, absolute 8 bytes
//	 6  persistence of the cookie: 1 (browser session) or 2 (persistent)
//	 7  flash marks: generation 8 bytes, length, path; repeated
//	 8  ids of the last commits, 8 bytes each, newest last
//	 9  until when the browser keeps the cookie, 8 bytes
//	10  tokens replaced longer ago: the first 8 bytes of each digest, newest last
//	11  Config.Application, if it is set
//	12  the last commits, for Config.History: length, HistoryEntry as JSON; repeated
//	 …  older code keeps fields that it does not know, byte for byte, after the others
//
// Instants are nanoseconds since 1970 in UTC. The document is compact JSON text
// at the end, so that other programs can read it. The checksum replaces a validation of
// the document at every load: text that passes was written by a commit. It is no
// protection against an attacker who can write to the store.
type envelope struct {
	digest     digest
	prev       []previous // oldest first
	rotatedAt  int64
	authAt     int64 // 0: never
	idle       time.Duration
	absolute   time.Duration // 0 in both: the manager's
	persist    persistence
	flash      []flashMark
	ring       []byte
	keptUntil  int64  // by the browser: the cookie; 0: until it is closed, or unknown
	retired    []byte // recognized, but only to report that they were used again
	app        []byte
	history    []byte
	extensions []byte // unknown fields, as they were
}

// A previous is a token that was replaced, and is recognized until the deadline.
type previous struct {
	digest   digest
	kind     rotation
	deadline int64
}

type rotation byte

const (
	periodic  rotation = 1 // the old token goes on working until the deadline
	privilege rotation = 2 // the old token gives no access, but is known to be replaced
	handover  rotation = 3 // as privilege; before it the session had no owner, or another one
)

type persistence byte

const (
	byConfig persistence = iota
	browserSession
	persistent
)

// A flashMark makes the value at a path a flash message. The generation is the id of
// the commit that flashed it: a request uses up only what it has seen.
type flashMark struct {
	path string // canonical
	gen  uint64
}

// maxFlash limits the flash messages of a session, because each costs a search of the
// document when it is used up.
const maxFlash = 256

const (
	envelopeMagic   = 0xE5
	envelopeVersion = 1
	envelopeHead    = 6
	ringSize        = 16

	retiredSize  = 8  // 64 bits: nobody looks for a token that only resembles an old one
	retiredCount = 16 // with rotation every quarter of an hour, four hours
)

const (
	tagEnd byte = iota
	tagDigest
	tagPrevious
	tagRotatedAt
	tagAuthAt
	tagTimeouts
	tagPersist
	tagFlash
	tagRing
	tagKeptUntil
	tagRetired
	tagApp
	tagHistory
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode writes the envelope with the document. The id of the commit goes into the
// ring, where the oldest of 16 makes room for it: a commit whose answer was lost finds
// its id there and knows that it is done. An id of zero is not added. The ring is part
// of the result from then on.
func (e *envelope) encode(doc []byte, id uint64) []byte {
	b := make([]byte, envelopeHead, e.size()+len(doc))
	b[0], b[1] = envelopeMagic, envelopeVersion
	b = append(append(b, tagDigest, byte(len(e.digest))), e.digest[:]...)
	for i := range e.prev {
		p := &e.prev[i]
		b = append(append(b, tagPrevious, byte(len(p.digest)+9)), p.digest[:]...)
		b = binary.BigEndian.AppendUint64(append(b, byte(p.kind)), uint64(p.deadline))
	}
	b = binary.BigEndian.AppendUint64(append(b, tagRotatedAt, 8), uint64(e.rotatedAt))
	if e.authAt != 0 {
		b = binary.BigEndian.AppendUint64(append(b, tagAuthAt, 8), uint64(e.authAt))
	}
	if e.idle != 0 || e.absolute != 0 {
		b = binary.BigEndian.AppendUint64(append(b, tagTimeouts, 16), uint64(e.idle))
		b = binary.BigEndian.AppendUint64(b, uint64(e.absolute))
	}
	if e.persist != byConfig {
		b = append(b, tagPersist, 1, byte(e.persist))
	}
	if len(e.flash) > 0 {
		n := 0
		for _, m := range e.flash {
			n += 8 + uvarintLen(len(m.path)) + len(m.path)
		}
		b = binary.AppendUvarint(append(b, tagFlash), uint64(n))
		for _, m := range e.flash {
			b = binary.BigEndian.AppendUint64(b, m.gen)
			b = append(binary.AppendUvarint(b, uint64(len(m.path))), m.path...)
		}
	}
	b = e.appendRing(b, id)
	if e.keptUntil != 0 {
		b = binary.BigEndian.AppendUint64(append(b, tagKeptUntil, 8), uint64(e.keptUntil))
	}
	b = appendField(b, tagRetired, e.retired)
	b = appendField(b, tagApp, e.app)
	b = appendField(b, tagHistory, e.history)
	b = append(append(append(b, e.extensions...), tagEnd), doc...)
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[envelopeHead:], castagnoli))
	return b
}

// appendField writes a field that is left out if it is empty.
func appendField(b []byte, tag byte, field []byte) []byte {
	if len(field) == 0 {
		return b
	}
	return append(binary.AppendUvarint(append(b, tag), uint64(len(field))), field...)
}

func (e *envelope) appendRing(b []byte, id uint64) []byte {
	ring, n := e.ring, len(e.ring)
	if id != 0 {
		ring = ring[max(0, n-8*(ringSize-1)):]
		n = len(ring) + 8
	}
	b = append(binary.AppendUvarint(append(b, tagRing), uint64(n)), ring...)
	if id != 0 {
		b = binary.BigEndian.AppendUint64(b, id)
	}
	e.ring = b[len(b)-n : len(b) : len(b)]
	return b
}

// size is the encoded length without the document, or a little more.
func (e *envelope) size() int {
	n := envelopeHead + 2 + len(e.digest) + 10 + 10 + 18 + 3 + 3 + len(e.ring) + 8 + 10 + len(e.extensions) + 1
	n += len(e.prev) * (2 + len(e.digest) + 9)
	if more := len(e.retired) + len(e.app) + len(e.history); more > 0 {
		n += 3*(1+binary.MaxVarintLen32) + more
	}
	for _, m := range e.flash {
		n += 8 + binary.MaxVarintLen32 + len(m.path)
	}
	if len(e.flash) > 0 {
		n += 1 + binary.MaxVarintLen64
	}
	return n
}

func uvarintLen(n int) int {
	l := 1
	for ; n >= 0x80; n >>= 7 {
		l++
	}
	return l
}

var (
	errNotEnvelope = errors.New("session: not an envelope of version 1")
	errChecksum    = errors.New("session: envelope is damaged")
)

// decodeEnvelope reads what encode wrote. The results share memory with b.
func decodeEnvelope(b []byte) (e envelope, doc []byte, err error) {
	doc, err = e.decode(b)
	return e, doc, err
}

// decode is decodeEnvelope into an empty envelope.
func (e *envelope) decode(b []byte) (doc []byte, err error) {
	if len(b) < envelopeHead || b[0] != envelopeMagic || b[1] != envelopeVersion {
		return nil, errNotEnvelope
	}
	body := b[envelopeHead:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[2:]) {
		return nil, errChecksum
	}
	seen := false
	for len(body) > 0 {
		tag := body[0]
		if tag == tagEnd {
			doc = body[1:]
			if !seen || !looksLikeObject(doc) {
				return nil, errNotEnvelope
			}
			return doc, nil
		}
		n, w := binary.Uvarint(body[1:])
		if w <= 0 || n > uint64(len(body)-1-w) {
			break
		}
		whole := body[:1+w+int(n)]
		field := whole[1+w:]
		body = body[len(whole):]
		if !e.field(tag, field, whole) {
			break
		}
		seen = seen || tag == tagDigest
	}
	return nil, errNotEnvelope
}

// looksLikeObject looks at the ends of a document. It does not validate the text: that would take
// as long as the rest of a load, and no access panics, whatever the text is.
func looksLikeObject(doc []byte) bool {
	n := len(doc)
	return n >= 2 && doc[0] == '{' && doc[n-1] == '}' && (n == 2 || doc[1] == '"')
}

// field reads one field, and reports whether it has the form that encode writes.
func (e *envelope) field(tag byte, f, whole []byte) bool {
	switch tag {
	case tagDigest:
		return len(f) == copy(e.digest[:], f) && len(f) == len(e.digest)
	case tagPrevious:
		if len(f) != len(e.digest)+9 {
			return false
		}
		p := previous{kind: rotation(f[len(e.digest)]), deadline: int64(binary.BigEndian.Uint64(f[len(e.digest)+1:]))}
		copy(p.digest[:], f)
		e.prev = append(e.prev, p)
	case tagRotatedAt, tagAuthAt, tagKeptUntil:
		if len(f) != 8 {
			return false
		}
		t := int64(binary.BigEndian.Uint64(f))
		switch tag {
		case tagRotatedAt:
			e.rotatedAt = t
		case tagAuthAt:
			e.authAt = t
		default:
			e.keptUntil = t
		}
	case tagTimeouts:
		if len(f) != 16 {
			return false
		}
		e.idle = time.Duration(binary.BigEndian.Uint64(f))
		e.absolute = time.Duration(binary.BigEndian.Uint64(f[8:]))
	case tagPersist:
		if len(f) != 1 {
			return false
		}
		e.persist = persistence(f[0])
	case tagFlash:
		return e.marks(f)
	case tagRing:
		e.ring = f
		return len(f)%8 == 0 && len(f) <= 8*ringSize
	case tagRetired:
		e.retired = f
		return len(f)%retiredSize == 0
	case tagApp:
		e.app = f
	case tagHistory:
		e.history = f
	default:
		e.extensions = append(e.extensions, whole...)
	}
	return true
}

func (e *envelope) marks(f []byte) bool {
	for len(f) > 0 {
		if len(f) < 9 {
			return false
		}
		gen := binary.BigEndian.Uint64(f)
		n, w := binary.Uvarint(f[8:])
		if w <= 0 || n > uint64(len(f)-8-w) {
			return false
		}
		f = f[8+w:]
		m := flashMark{path: string(f[:n]), gen: gen}
		if len(e.flash) == maxFlash || gen == 0 || dotpath.Check(m.path) != nil {
			return false
		}
		e.flash = append(e.flash, m)
		f = f[n:]
	}
	return true
}

func (e *envelope) remembers(id uint64) bool {
	for r := e.ring; len(r) >= 8; r = r[8:] {
		if binary.BigEndian.Uint64(r) == id {
			return true
		}
	}
	return false
}
