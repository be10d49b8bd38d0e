package fallbackstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/expanse-go/session"
)

// A Store is a [session.Store] over two others. It also implements [session.Toucher],
// [session.Pruner], [session.Lister] and [session.OwnerLister]. It is safe for concurrent
// use, and several processes may use the same two stores, also with the roles exchanged.
type Store struct {
	primary, fallback session.Store
}

var (
	_ session.Store       = (*Store)(nil)
	_ session.Toucher     = (*Store)(nil)
	_ session.Pruner      = (*Store)(nil)
	_ session.Lister      = (*Store)(nil)
	_ session.OwnerLister = (*Store)(nil)
)

// New returns a store that keeps sessions in primary, and also finds those that are still in
// fallback. Both must implement [session.Lister], and primary must implement
// [session.Importer]. New does not take over the stores: the caller closes them.
func New(primary, fallback session.Store) (*Store, error) {
	if primary == nil || fallback == nil {
		return nil, errors.New("session: fallbackstore.New needs two stores")
	}
	if _, ok := session.Capability[session.Importer](primary); !ok {
		return nil, fmt.Errorf("session: sessions cannot move to a %T, because it does not implement session.Importer: %w", primary, errors.ErrUnsupported)
	}
	for _, s := range []session.Store{primary, fallback} {
		if _, ok := session.Capability[session.Lister](s); !ok {
			return nil, fmt.Errorf("session: sessions cannot move to or from a %T, because it does not implement session.Lister: %w", s, errors.ErrUnsupported)
		}
	}
	return &Store{primary, fallback}, nil
}

// Format writes the types of the stores, whatever the verb is, so that a store that is logged
// by accident shows neither sessions nor secrets.
func (s *Store) Format(f fmt.State, _ rune) {
	io.WriteString(f, "fallbackstore.Store")
}

// Load returns the record, wherever it is. It leaves it there.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	at, err := s.find(ctx, id)
	if err == nil && at.store == nil {
		err = session.ErrNotFound
	}
	return at.rec, err
}

// Create stores a new record in the primary store.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	old, err := read(ctx, s.fallback, r.ID)
	if err != nil {
		return err
	}
	if old.kind == absent {
		if err := s.primary.Create(ctx, r); !errors.Is(err, session.ErrConflict) {
			return err
		}
	}
	at, err := s.find(ctx, r.ID)
	switch {
	case err != nil:
		return err
	case at.store != nil:
		return session.ErrConflict
	}
	// An earlier session of this ID has left marks. The manager never uses an ID again.
	if err := errors.Join(s.fallback.Delete(ctx, r.ID), s.primary.Delete(ctx, r.ID)); err != nil {
		return err
	}
	return s.primary.Create(ctx, r)
}

// Update replaces a record. A record of the fallback store moves to the primary one.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	for {
		at, err := s.find(ctx, r.ID)
		switch {
		case err != nil:
			return err
		case at.store == nil:
			return session.ErrNotFound
		case at.rec.Version != r.Version:
			return session.ErrConflict
		case !at.moves:
			return s.primary.Update(ctx, r)
		}
		if err := s.move(ctx, at.left, r); !errors.Is(err, errChanged) {
			return err
		}
	}
}

// Delete ends the session in both stores.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	for {
		at, err := s.find(ctx, id)
		if err != nil || at.store == nil {
			return err
		}
		err = at.store.Update(ctx, markOf(ended, at.rec))
		switch {
		case err == nil:
			return clearBoth(ctx, at.store, at.other, id)
		case !errors.Is(err, session.ErrConflict) && !errors.Is(err, session.ErrNotFound):
			return err
		}
	}
}

// clearBoth removes what an ended session has left. A session that has never moved is only in one
// store, and goes without a trace. Otherwise both stores keep a mark until the session would
// have expired, because another process may still be about to finish a move.
func clearBoth(ctx context.Context, in, other session.Store, id session.ID) error {
	e, err := read(ctx, other, id)
	switch {
	case err != nil:
		return err
	case e.kind == absent:
		return in.Delete(ctx, id)
	case e.kind == moved: // it contains the data of the session
		err = other.Update(ctx, markOf(ended, e.rec))
	}
	if errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// Touch extends the session where it is. A touch that comes while the session moves may have
// no effect; the visitor's next request touches again.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	at, err := s.find(ctx, id)
	if err != nil || at.store == nil {
		return err
	}
	return session.Touch(ctx, at.store, id, lastActivity, expires)
}

// Prune deletes expired records from both stores.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := session.Prune(ctx, s.primary, before, limit)
	if err != nil || n >= limit {
		return n, err
	}
	more, err := session.Prune(ctx, s.fallback, before, limit-n)
	return n + more, err
}
