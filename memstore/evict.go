package memstore

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/expanse-go/session"
)

// A quota counts what the store holds. All shards share it, so it is made of
// atomic counters; one record is counted under the lock of its shard.
type quota struct {
	maxSessions, maxBytes int64

	sessions atomic.Int64
	bytes    atomic.Int64
	owned    atomic.Int64 // the part of bytes that belongs to somebody
}

// limit applies the rules of [Config]: zero is the default, negative is none.
func limit(n, def int64) int64 {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt64
	}
	return n
}

// frame is what a record takes beside its body: its slot, its places in the
// table and the orders, and what the allocator rounds up.
const frame = 88

func cost(size int) int64 { return frame + int64(size) }

// take counts sessions and bytes in, unless that exceeds a limit. Negative
// amounts are given back.
func (q *quota) take(sessions, bytes int64) bool {
	if !add(&q.sessions, sessions, q.maxSessions) {
		return false
	}
	if !add(&q.bytes, bytes, q.maxBytes) {
		q.sessions.Add(-sessions)
		return false
	}
	return true
}

func add(v *atomic.Int64, n, limit int64) bool {
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

// evict forgets one record: an expired one, or else the anonymous one of the
// least recent activity. It does not touch the record of the spared ID. If stays
// bytes can never fit beside the owned records, it spares the anonymous ones too,
// because forgetting them all would not help.
func (s *Store) evict(stays int64, spare *session.ID) error {
	if s.forget(byExpiry, nanos(s.now()), spare) {
		return nil
	}
	if s.quota.owned.Load() <= s.quota.maxBytes-stays && s.forget(byActivity, farOff, spare) {
		return nil
	}
	return fmt.Errorf("%w: %d sessions in %d bytes, too few of them anonymous or expired; raise MaxSessions or MaxBytes of the memory store",
		session.ErrFull, s.quota.sessions.Load(), s.quota.bytes.Load())
}

// forget removes the first record of an order, over all shards, if its instant
// is not after the given one.
func (s *Store) forget(by int, upTo int64, spare *session.ID) bool {
	for {
		sh, at := s.first(by, spare)
		if at > upTo {
			return false
		}
		// Without the shard's lock another call may have been faster. Then look again.
		if sh.forget(by, at, spare) {
			return true
		}
	}
}

// first returns the shard that has the first record of an order, and its instant.
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
				front = sh.frontBeside(by, spare)
			}
		}
		if front < at || front == at && best != nil && by == byActivity && sh.ahead(best, spare) {
			best, at = sh, front
		}
	}
	return best, at
}

// frontBeside is front, as if the spared record were not there.
func (s *shard) frontBeside(by int, spare *session.ID) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.first(by, s.spared(spare))
	if ref == none {
		return math.MaxInt64
	}
	return s.slot(ref).at[by]
}

// ahead reports whether the first record of s was written before that of t. It is
// asked only if both have the same instant: with a clock that stands still, as in
// tests.
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

// forget removes the first record of an order, if it has the given instant.
func (s *shard) forget(by int, at int64, spare *session.ID) bool {
	s.mu.Lock()
	defer s.unlock()
	ref := s.first(by, s.spared(spare))
	if ref == none || s.slot(ref).at[by] != at {
		return false
	}
	s.drop(ref)
	return true
}

// drop removes a record that was not found by its ID.
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
