package memstore

import (
	"context"
	"hash/maphash"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// batch is the number of records to process under one lock, which takes tens of
// microseconds.
const batch = 32

// Prune implements [session.Pruner]. It removes expired records in batches from heaps
// that are ordered by expiry, so its cost depends on the number of records that it
// removes, and not on the number that it keeps.
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

// List implements [session.Lister]. It collects the IDs of a batch of records under the
// lock of one shard, and then loads each record.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		found := make([]session.ID, 0, batch)
		for i := range s.shards {
			sh := &s.shards[i]
			for from, more := uint32(0), true; more; from += batch {
				found, more = sh.page(found[:0], from)
				if !s.yieldAll(ctx, found, anyOwner, yield) {
					return
				}
			}
		}
	}
}

// page appends the IDs of the records in a batch of slots that starts at from. A record
// stays in its slot until it is deleted, so no other write can hide or repeat it.
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

// ListOwner implements [session.OwnerLister]. Each shard has an index of owners. To list
// the anonymous records, whose owner is "", it scans all records.
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

// Stat implements [session.Stater].
func (s *Store) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	all := make([]session.Status, 0, len(ids))
	for i, id := range ids {
		if i%batch == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if r, err := s.View(ctx, id); err == nil {
			all = append(all, session.Status{ID: id, Version: r.Version, LastActivity: r.LastActivity, ExpiresAt: r.ExpiresAt})
		}
	}
	return all, nil
}

// DeleteOwned implements [session.OwnerDeleter].
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (n int, err error) {
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if sh, h := s.shard(id); sh.removeOwned(h, id, owner) {
			n++
		}
	}
	return n, nil
}

func (s *shard) removeOwned(h uint64, id session.ID, owner string) bool {
	s.mu.Lock()
	defer s.unlock()
	at, ref, ok := s.find(h, id)
	if !ok {
		return false
	}
	if p := unpack(s.body(s.slot(ref))); string(p.owner()) != owner {
		return false
	}
	s.remove(at, ref)
	return true
}

// owned appends the IDs of the records of owners with the given hash. Owners with equal
// hashes share a chain, so the caller must compare the owners of the loaded records.
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

func anyOwner(string) bool { return true }

// yieldAll yields the records with the given IDs that still exist and whose owner is
// wanted.
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
