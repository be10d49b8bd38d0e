package fallbackstore

import (
	"context"
	"errors"

	"github.com/expanse-go/session"
)

// A session moves in three steps, each of which changes one record under its version:
//
//	           fallback         primary
//	           live             —
//	reserve    live             reserved     Import; or an Update of an older mark
//	decide     moved + data     reserved     Update, only if the session is still live there
//	finish     moved + data     live         Update, only if it is still reserved
//
// The second step decides. It also contains what the request has written, so an update takes
// no step more than a move. Whoever finds a session that has been decided but not finished
// finishes it, so a process that dies in between does no harm. A reservation without a
// decision means nothing.
//
// A logout changes the live record to one that has ended. A move in progress then cannot
// decide: the record is not live any more. Nor can it finish a decision that came before: the
// record is not reserved any more. Both hold because the records of a session that moves
// are never deleted and created again, but only updated, so a version never comes back.
// Marks expire a day after their session.
//
// The protocol is symmetric. While some processes have the roles exchanged, a session may move
// back and forth, but it is live in one store at a time.

// A found says where a session is.
type found struct {
	store session.Store // nil: nowhere
	other session.Store
	rec   session.Record
	moves bool  // it is in the fallback store
	left  entry // then: what the primary store has of it
}

// find returns where the session is. It finishes a move.
func (s *Store) find(ctx context.Context, id session.ID) (found, error) {
	for {
		p, err := read(ctx, s.primary, id)
		switch {
		case err != nil:
			return found{}, err
		case p.kind == live:
			return found{store: s.primary, other: s.fallback, rec: p.rec}, nil
		case p.kind == ended:
			return found{}, nil
		}
		f, err := read(ctx, s.fallback, id)
		switch {
		case err != nil:
			return found{}, err
		case f.kind == live:
			return found{store: s.fallback, other: s.primary, rec: f.rec, moves: true, left: p}, nil
		case f.kind == ended, p.kind == absent && f.kind == absent:
			return found{}, nil
		case p.kind == reserved && f.kind == moved:
			err = finish(ctx, s.primary, p, s.fallback)
		case p.kind == moved && f.kind == reserved:
			err = finish(ctx, s.fallback, f, s.primary)
		default:
			// Either the session has moved between the two reads, or it has ended.
			var again entry
			again, err = read(ctx, s.primary, id)
			if err == nil && again.kind == p.kind && again.rec.Version == p.rec.Version {
				return found{}, nil
			}
		}
		if err != nil {
			return found{}, err
		}
		if err := ctx.Err(); err != nil {
			return found{}, err
		}
	}
}

// finish makes a reserved record live, if the move has been decided. The other store is read
// after the reservation: what it said before may belong to an earlier move.
func finish(ctx context.Context, to session.Store, reservation entry, from session.Store) error {
	f, err := read(ctx, from, reservation.rec.ID)
	if err != nil || f.kind != moved {
		return err
	}
	return enter(ctx, to, reservation, f.rec)
}

// enter replaces a reservation by the session. If another process was faster, nothing is left
// to do.
func enter(ctx context.Context, to session.Store, reservation entry, r session.Record) error {
	r.Version = reservation.rec.Version
	err := to.Update(ctx, r)
	if errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) {
		return nil
	}
	return err
}

// errChanged means that another process has changed the records in the meantime: find the
// session again. A mark of the kind moved that is read later may contain the only copy of
// the session.
var errChanged = errors.New("session: the records have changed")

// move stores r in the primary store. The fallback store must still have the version of r.
func (s *Store) move(ctx context.Context, p entry, r session.Record) error {
	p, err := s.reserve(ctx, p, r)
	if err != nil {
		return err
	}
	if err := s.fallback.Update(ctx, markOf(moved, r)); err != nil {
		return err
	}
	return enter(ctx, s.primary, p, r)
}

// reserve makes a reservation in the primary store, with at least the version of r. Then the
// version of the session only grows, and a request that knows an older version of it cannot
// overwrite a newer one. An update raises a version by one. So if the session was here before,
// this takes as many updates as it has had since; what is done when the time is up is kept.
func (s *Store) reserve(ctx context.Context, p entry, r session.Record) (entry, error) {
	importer, _ := session.Capability[session.Importer](s.primary)
	for p.kind != reserved || p.rec.Version < r.Version {
		m := markOf(reserved, r)
		next, err := m, error(nil)
		switch p.kind {
		case absent:
			err = importer.Import(ctx, m)
		case reserved, moved: // the session was live in the fallback store after this mark
			m.Version = p.rec.Version
			next.Version = m.Version + 1
			err = s.primary.Update(ctx, m)
		}
		switch {
		case errors.Is(err, session.ErrConflict), errors.Is(err, session.ErrNotFound):
			return p, errChanged
		case err != nil:
			return p, err
		}
		p = entry{reserved, next}
	}
	return p, nil
}

// Move moves a session from the fallback store to the primary one, and reports whether it was
// there. It also finishes a move that another process has begun: call it for the ID of each
// record in the fallback store, marks included, before the primary store is used alone. Move
// does not change what requests see.
func (s *Store) Move(ctx context.Context, id session.ID) (bool, error) {
	for {
		at, err := s.find(ctx, id)
		if err != nil || !at.moves {
			return false, err
		}
		err = s.move(ctx, at.left, at.rec)
		switch {
		case err == nil:
			return true, nil
		case !errors.Is(err, errChanged) && !errors.Is(err, session.ErrConflict) && !errors.Is(err, session.ErrNotFound):
			return false, err
		}
	}
}
