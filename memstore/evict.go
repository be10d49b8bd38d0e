package memstore

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/expanse-go/session"
)

// A quota counts the records of the store and their bytes. All shards share it, so it
// consists of atomic counters. A record is counted under the lock of its shard.
type quota struct {
	maxSessions, maxBytes int64

	sessions atomic.Int64
	bytes    atomic.Int64
	owned    atomic.Int64 // the bytes of records with an owner
}

// limit interprets a limit of [Config]: zero means the default, negative means no limit.
func limit(n, def int64) int64 {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt64
	}
	return n
}

// overhead is what a record takes in addition to its body: its slot, its entries in the
// table and the heaps, and what the allocator rounds up.
const overhead = 88

func cost(size int) int64 { return overhead + int64(size) }

// add adds to the counters and returns true, unless that would exceed a limit. Negative
// amounts reduce the counters.
func (q *quota) add(sessions, bytes int64) bool {
	if !addBelow(&q.sessions, sessions, q.maxSessions) {
		return false
	}
	if !addBelow(&q.bytes, bytes, q.maxBytes) {
		q.sessions.Add(-sessions)
		return false
	}
	return true
}

func addBelow(v *atomic.Int64, n, limit int64) bool {
	if n <= 0 {
		v.Add(n)
		return true
	}
	for {
		old := v.Load()
		if old > limit-n {
			return false
		}
		if v.CompareAndSwap(old, old+n) {
			return true
		}
	}
}

// evict removes one record: an expired one, or otherwise the anonymous one with the least
// recent activity. It never removes the record with the ID spare. If required bytes do
// not fit in addition to the owned records, it removes no anonymous record, because even
// removing all of them would not help.
func (s *Store) evict(required int64, spare *session.ID) error {
	if s.evictFirst(byExpiry, nanos(s.now()), spare) {
		return nil
	}
	if s.quota.owned.Load() <= s.quota.maxBytes-required && s.evictFirst(byActivity, maxInstant, spare) {
		return nil
	}
	return fmt.Errorf("%w: the memory store has %d sessions in %d bytes, and too few of them are anonymous or expired; raise MaxSessions or MaxBytes",
		session.ErrFull, s.quota.sessions.Load(), s.quota.bytes.Load())
}

// evictFirst removes the first record of an order among all shards, if its instant is not
// after upTo.
func (s *Store) evictFirst(by int, upTo int64, spare *session.ID) bool {
	for {
		sh, at := s.first(by, spare)
		if at > upTo {
			return false
		}
		// Another call may have changed the shard, which is not locked here. Then retry.
		if sh.evictFirst(by, at, spare) {
			return true
		}
	}
}

// first returns the shard with the first record of an order, and the instant of that
// record.
func (s *Store) first(by int, spare *session.ID) (best *shard, at int64) {
	at = math.MaxInt64
	for i := range s.shards {
		front := s.fronts[by][i].Load()
		if front > at || front == math.MaxInt64 {
			continue
		}
		sh := &s.shards[i]
		if spare != nil {
			if home, _ := s.shard(*spare); home == sh {
				front = sh.frontExcept(by, spare)
			}
		}
		if front < at || front == at && best != nil && by == byActivity && sh.ahead(best, spare) {
			best, at = sh, front
		}
	}
	return best, at
}

// frontExcept is like front, but ignores the spared record.
func (s *shard) frontExcept(by int, spare *session.ID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.first(by, s.spared(spare))
	if ref == none {
		return math.MaxInt64
	}
	return s.slot(ref).at[by]
}

// ahead reports whether the first record of s was written before that of t. It decides
// only between records with the same instant, which tests with a fixed clock have.
func (s *shard) ahead(t *shard, spare *session.ID) bool {
	return earlier(s.firstWrite(spare), t.firstWrite(spare))
}

func (s *shard) firstWrite(spare *session.ID) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.first(byActivity, s.spared(spare))
	if ref == none {
		return s.store.writes.Load()
	}
	return s.slot(ref).next
}

// evictFirst removes the first record of an order, if its instant is at.
func (s *shard) evictFirst(by int, at int64, spare *session.ID) bool {
	s.mu.Lock()
	defer s.unlock()
	ref := s.first(by, s.spared(spare))
	if ref == none || s.slot(ref).at[by] != at {
		return false
	}
	s.drop(ref)
	return true
}

// drop removes the record in a slot. Unlike remove, it does not need the position in the
// table.
func (s *shard) drop(ref uint32) {
	at, _, _ := s.find(s.home(ref), s.slot(ref).id)
	s.remove(at, ref)
}

// spared returns the slot of an ID, or none.
func (s *shard) spared(id *session.ID) uint32 {
	if id == nil {
		return none
	}
	_, h := s.store.shard(*id)
	_, ref, _ := s.find(h, *id)
	return ref
}
