package redisstore

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// The index of an owner is a sorted set. Its members are entries: the ID of a session, and a
// random tag. The session's value holds the tag of its current entry, and how late it may
// expire before it needs another one.
//
// The rules keep the index complete, whatever fails or runs at the same time:
//
//   - An entry is added before the value that needs it is written. If the write then fails,
//     the entry is superfluous, which does no harm: each hit is compared with the session.
//   - An entry is removed only after a script has put another one, or none, into the value.
//     A tag is never used again, so a removal that is late removes nothing else.
//   - The score is the instant at which Redis will have deleted the session, for any expiry
//     that the entry covers. Entries below the present are removed when another one is added,
//     and the whole index expires with its last entry.
//
// A record does not say when its session ends at the latest, only when it expires without
// further activity. So an entry covers expiries of up to entrySpare later, and a session whose
// expiry moves beyond that gets a new entry: with the default timeouts never, and otherwise
// about once a day.
const entrySpare = 24 * time.Hour

// tagSize is the length of a tag in bytes.
const tagSize = 8

// An entry is what a value holds of its entry in the index: the tag, and the last expiry that
// it covers.
type entry [entrySize]byte

// enter adds an entry for a session to the index of an owner. It covers the expiry.
func (s *Store) enter(ctx context.Context, owner string, id session.ID, expires time.Time) (entry, error) {
	last := expires.Add(entrySpare)
	if last.Before(expires) {
		last = expires
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, entrySize), rand.Uint64()|1) // 0 is no entry
	e := entry(appendInstant(b, last))
	// The clocks of the machines and of the server may differ by an hour; see session.PruneSlack.
	least := strconv.FormatInt(time.Now().Add(-session.PruneSlack).UnixMilli(), 10)
	_, err := s.run(ctx, indexScript, s.ownerKey(owner), member(id, e[:tagSize]), deletion(last), least)
	return e, err
}

// leave removes the entry that a script has taken out of a value. It ignores errors, because the
// entry does no harm.
func (s *Store) leave(ctx context.Context, id session.ID, answer any) {
	if key, m, ok := s.left(id, answer); ok {
		_ = s.do(ctx, redis.NewIntCmd(ctx, "zrem", key, m))
	}
}

// left returns the key and the member of the entry that a script has taken out of a value: if
// there was one, the answer is a string with its tag and its owner.
func (s *Store) left(id session.ID, answer any) (key string, m []byte, ok bool) {
	text, ok := answer.(string)
	if !ok || len(text) <= tagSize {
		return "", nil, false // there was no owner
	}
	return s.ownerKey(text[tagSize:]), member(id, []byte(text[:tagSize])), true
}

func member(id session.ID, tag []byte) []byte { return append(append([]byte(nil), id[:]...), tag...) }
