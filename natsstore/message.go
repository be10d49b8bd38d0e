package natsstore

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// The keys of the bucket:
//
//	id.<xx>.<id>                 a record; xx are the first two digits of the ID, by which List divides the keys
//	owner.<hash>.<id>.<entry>    an entry of the index: an empty message
//
// A record's message, format 1. Integers are big-endian.
//
//	offset  bytes
//	     0      1  1, the format
//	     1      8  the stamp: a random number of the Create or Update that wrote the record
//	     9      8  the number of the entry in the index, 0 if there is none
//	    17      8  seconds since 1970: the server removes the entry then
//	    25      8  Version
//	    33     12  CreatedAt: seconds since 1970, signed (8), nanoseconds (4)
//	    45     12  LastActivity
//	    57     12  ExpiresAt
//	    69      6  lengths of Owner, Client.Address, Client.UserAgent (2 each)
//	    75         Owner, Client.Address, Client.UserAgent
//	               Data to the end of the message
const (
	format    = 1
	fixedHead = 75
)

// A stored record is what a message holds.
type stored struct {
	session.Record

	stamp uint64
	entry uint64
	until int64
}

func recordKey(id session.ID) string {
	text := id.String()
	return "id." + text[:2] + "." + text
}

func entryKey(owner string, id session.ID, entry uint64) string {
	return fmt.Sprintf("owner.%s.%s.%016x", hash(owner), id, entry)
}

// idOf returns the ID in a key of either kind.
func idOf(key string) (id session.ID, ok bool) {
	tokens := strings.Split(key, ".")
	if len(tokens) < 3 {
		return id, false
	}
	id, err := session.ParseID(tokens[2])
	return id, err == nil
}

// hash returns the text that stands for an owner in keys, which have few characters.
func hash(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:16])
}

// random returns a random number that is not 0.
func random() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) | 1
}

func encode(r *stored) ([]byte, error) {
	texts := [...]string{r.Owner, r.Client.Address, r.Client.UserAgent}
	size := fixedHead + len(r.Data)
	for _, t := range texts {
		if len(t) > math.MaxUint16 {
			return nil, fmt.Errorf("%w: the owner or the client has %d bytes, and the format allows at most 65535", session.ErrTooLarge, len(t))
		}
		size += len(t)
	}
	be := binary.BigEndian
	b := append(make([]byte, 0, size), format)
	b = be.AppendUint64(b, r.stamp)
	b = be.AppendUint64(b, r.entry)
	b = be.AppendUint64(b, uint64(r.until))
	b = be.AppendUint64(b, r.Version)
	for _, t := range [...]time.Time{r.CreatedAt, r.LastActivity, r.ExpiresAt} {
		b = be.AppendUint64(b, uint64(t.Unix()))
		b = be.AppendUint32(b, uint32(t.Nanosecond()))
	}
	for _, t := range texts {
		b = be.AppendUint16(b, uint16(len(t)))
	}
	for _, t := range texts {
		b = append(b, t...)
	}
	return append(b, r.Data...), nil
}

// decode returns the record in b, which it keeps.
func decode(id session.ID, b []byte) (r stored, err error) {
	if len(b) < fixedHead {
		return r, fmt.Errorf("%w: the message has %d bytes, which is too short", session.ErrCorrupt, len(b))
	}
	if b[0] != format {
		return r, fmt.Errorf("%w: the message has format %d, but this program knows %d", session.ErrCorrupt, b[0], format)
	}
	be := binary.BigEndian
	r = stored{
		Record: session.Record{
			ID: id, Version: be.Uint64(b[25:]),
			CreatedAt: instant(b[33:]), LastActivity: instant(b[45:]), ExpiresAt: instant(b[57:]),
		},
		stamp: be.Uint64(b[1:]), entry: be.Uint64(b[9:]), until: int64(be.Uint64(b[17:])),
	}
	at := fixedHead
	for i, text := range []*string{&r.Owner, &r.Client.Address, &r.Client.UserAgent} {
		end := at + int(be.Uint16(b[69+2*i:]))
		if end > len(b) {
			return stored{}, fmt.Errorf("%w: the message ends within its head", session.ErrCorrupt)
		}
		*text, at = string(b[at:end]), end
	}
	r.Data = b[at:len(b):len(b)]
	return r, nil
}

func instant(b []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint32(b[8:]))).UTC()
}

// forget returns when a record that expires at the given instant is gone.
func forget(expires time.Time) time.Time { return expires.Add(session.PruneSlack) }

// maxLifetime limits the lifetime of a message, so that its end fits into the nanoseconds
// of the server.
const maxLifetime = 100 * 365 * 24 * time.Hour

// lifetime returns how long a message has to stay from now on. The server counts in whole
// seconds, and takes no lifetime below one.
func lifetime(until time.Time) time.Duration {
	d := min(time.Until(until), maxLifetime)
	return max(d.Truncate(time.Second)+time.Second, time.Second)
}
