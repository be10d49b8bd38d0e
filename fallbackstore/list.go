package fallbackstore

import (
	"context"
	"iter"

	"github.com/expanse-go/session"
)

// List yields the records of both stores. It remembers the IDs of those in the fallback store, 16
// bytes each, because they may move while it runs.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.list(ctx, func(session.Record) bool { return true }, func(one session.Store) iter.Seq2[session.Record, error] {
		return session.List(ctx, one)
	})
}

// ListOwner is like List, for the sessions of one owner.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return s.list(ctx, func(r session.Record) bool { return r.Owner == owner }, func(one session.Store) iter.Seq2[session.Record, error] {
		return session.ListOwner(ctx, one, owner)
	})
}

// list reads the fallback store first: a session that moves meanwhile then appears twice rather
// than not at all, and is yielded once.
func (s *Store) list(ctx context.Context, wanted func(session.Record) bool, records func(session.Store) iter.Seq2[session.Record, error]) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		seen := map[session.ID]bool{}
		for r, err := range records(s.fallback) {
			if err != nil {
				yield(session.Record{}, err)
				return
			}
			if IsMark(r) {
				continue
			}
			seen[r.ID] = true
			if !yield(r, nil) {
				return
			}
		}
		for r, err := range records(s.primary) {
			if err == nil && seen[r.ID] {
				continue
			}
			if err == nil && IsMark(r) { // the session is on its way
				at, failed := s.find(ctx, r.ID)
				if failed == nil && (at.store == nil || !wanted(at.rec)) {
					continue
				}
				r, err = at.rec, failed
			}
			if err != nil {
				yield(session.Record{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}
