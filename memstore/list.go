package memstore

import (
	"context"
	"hash/maphash"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// batch is how many records are looked at under one lock: tens of microseconds.
const batch = 32

// Prune removes expired records. It takes them from the front of each shard's
// order of expiry, a batch at a time, so its cost depends on what it removes and
// not on what stays.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	end := nanos(before)
	for i := range s.shards {
		for n < limit && s.fronts[byExpiry][i].Load() < end {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			n += s.shards[i].prune(end, min(batch, limit-n))
		}
	}
	return n, nil
}

func (s *shard) prune(end int64, limit int) (n int) {
	s.mu.Lock()
	defer s.unlock()
	for ; n < limit && s.front(byExpiry) < end; n++ {
		s.drop(s.orders[byExpiry][0])
	}
	return n
}

// List yields all records. It notes the IDs of a batch of them under the lock of one
// shard, and then loads each.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		found := make([]session.ID, 0, batch)
		for i := range s.shards {
			sh := &s.shards[i]
			for from, more := uint32(0), true; more; from += batch {
				found, more = sh.page(found[:0], from)
				if !s.yieldAll(ctx, found, anybody, yield) {
					return
				}
			}
		}
	}
}

// page appends the IDs of the records in the slots from the given one on. A record
// stays in its slot as long as it lives, so that no other write can hide or repeat
// it.
func (s *shard) page(to []session.ID, from uint32) (found []session.ID, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := min(from+batch, s.used)
	for ref := from; ref < end; ref++ {
		if rec := s.slot(ref); rec.where != none {
			to = append(to, rec.id)
		}
	}
	return to, end < s.used
}

// ListOwner yields the records of one owner. Each shard knows them; only the
// anonymous ones, whose owner is "", are found by a walk through all.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		if owner == "" {
			s.listAnonymous(ctx, yield)
			return
		}
		h := maphash.String(s.seed, owner)
		var found []session.ID
		for i := range s.shards {
			found = s.shards[i].owned(found[:0], h)
			if !s.yieldAll(ctx, found, func(of string) bool { return of == owner }, yield) {
				return
			}
		}
	}
}

func (s *Store) listAnonymous(ctx context.Context, yield func(session.Record, error) bool) {
	for r, err := range s.List(ctx) {
		if err == nil && r.Owner != "" {
			continue
		}
		if !yield(r, err) {
			return
		}
	}
}

// owned appends the IDs of an owner's records. Owners whose hashes agree share a
// chain: who they are is seen when they are loaded.
func (s *shard) owned(to []session.ID, h uint64) []session.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref, ok := s.owners[h]
	if !ok {
		return to
	}
	for ; ref != none; ref = s.slot(ref).next {
		to = append(to, s.slot(ref).id)
	}
	return to
}

func anybody(string) bool { return true }

// yieldAll yields the records of those IDs that are still there, and somebody's who
// is wanted.
func (s *Store) yieldAll(ctx context.Context, ids []session.ID, wanted func(owner string) bool, yield func(session.Record, error) bool) bool {
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			yield(session.Record{}, err)
			return false
		}
		r, err := s.Load(ctx, id)
		if err == nil && wanted(r.Owner) && !yield(r, nil) {
			return false
		}
	}
	return true
}
