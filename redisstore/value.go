package redisstore

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/expanse-go/session"
)

// A value is what a key of a session holds. Integers are big-endian, and lengths are
// unsigned varints, except for the length of the owner:
//
//	 0  entry     16 bytes: the session's entry in the index of its owner
//	16  format     1 byte
//	17  version    8 bytes
//	25  write      8 bytes, random: which call of Create or Update has written the value
//	33  activity   8 bytes
//	41  expiry     8 bytes
//	49  creation   8 bytes
//	57  length     1 byte, of the owner
//	58  owner, length, address, length, user agent, data
//
// The scripts read the first headSize bytes and the owner. Everything that they compare or
// replace has a fixed place, so a touch need not rewrite the value. Go writes all but the
// entry (see appendRest); a script adds that.
//
// An instant is nanoseconds since 1970, plus 1<<63 so that later instants are greater when
// compared byte by byte. Lua has no integers of 64 bits.
const (
	entrySize = 16
	headSize  = 58
	format    = 1

	versionAt  = 17
	activityAt = 33
	expiresAt  = 41
	createdAt  = 49
	ownerAt    = 57
)

// size returns how many bytes appendRest appends at most.
func size(r *session.Record) int {
	return headSize - entrySize + len(r.Owner) + len(r.Client.Address) + len(r.Client.UserAgent) + len(r.Data) + 2*binary.MaxVarintLen32
}

// appendRest appends the value of a record without the entry. The value has a version of its
// own and the number of a write.
func appendRest(b []byte, r *session.Record, version, write uint64) []byte {
	b = append(b, format)
	b = binary.BigEndian.AppendUint64(b, version)
	b = binary.BigEndian.AppendUint64(b, write)
	for _, t := range [...]time.Time{r.LastActivity, r.ExpiresAt, r.CreatedAt} {
		b = appendInstant(b, t)
	}
	b = append(append(b, byte(len(r.Owner))), r.Owner...)
	for _, text := range [...]string{r.Client.Address, r.Client.UserAgent} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return append(b, r.Data...)
}

// decode returns the record of a value. It shares Data with the value.
func decode(id session.ID, b []byte) (r session.Record, err error) {
	if len(b) < headSize || b[entrySize] != format {
		return r, session.ErrCorrupt
	}
	r = session.Record{
		ID:           id,
		Version:      binary.BigEndian.Uint64(b[versionAt:]),
		LastActivity: instant(b[activityAt:]),
		ExpiresAt:    instant(b[expiresAt:]),
		CreatedAt:    instant(b[createdAt:]),
	}
	n, b := int(b[ownerAt]), b[headSize:]
	if n > len(b) {
		return session.Record{}, session.ErrCorrupt
	}
	r.Owner, b = string(b[:n]), b[n:]
	for _, text := range [...]*string{&r.Client.Address, &r.Client.UserAgent} {
		length, head := binary.Uvarint(b)
		if head <= 0 || length > uint64(len(b)-head) {
			return session.Record{}, session.ErrCorrupt
		}
		*text, b = string(b[head:head+int(length)]), b[head+int(length):]
	}
	r.Data = b
	return r, nil
}

func appendInstant(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(nanos(t))^1<<63)
}

func instant(b []byte) time.Time {
	n := int64(binary.BigEndian.Uint64(b) ^ 1<<63)
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// nanos returns nanoseconds since 1970. Instants before 1678 and after 2261 do not fit and
// become the least and the greatest number, so that a session that is meant to live forever
// does not expire in the past. The least number also represents the zero time.
func nanos(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case sec >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// deletion returns when Redis deletes a record that expires at t: in milliseconds since
// 1970, rounded up, and at least 1, because Redis refuses 0.
func deletion(t time.Time) string {
	return strconv.FormatInt(max(1, nanos(t)/int64(time.Millisecond)+1+session.PruneSlack.Milliseconds()), 10)
}
