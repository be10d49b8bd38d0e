package session

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/expanse-go/session/internal/backoff"
)

// end ends a stored session, if a condition holds for what is stored at that moment: what
// the caller has seen may have changed. A bare Delete, as Revoke does, could end a session
// that has become another owner's, or that is logging in at this moment. So end updates the
// record to an ended one first, under its version, as a logout does.
func (m *Manager) end(ctx context.Context, id ID, holds func(at *stored, live bool) bool) (ended bool, err error) {
	commitID := rand.Uint64() | 1 // finds our own update if its answer is lost
	for try := 0; ; try++ {
		r, err := m.store.Load(ctx, id)
		if err == nil {
			at, live := m.living(&r)
			if !at.remembers(commitID) {
				if !holds(at, live) {
					return false, nil
				}
				d := at.ended()
				r.Owner, r.ExpiresAt, r.Data = "", m.cfg.Now().UTC(), d.encode(d.doc.Text(), commitID)
				err = m.store.Update(ctx, r)
			}
		}
		switch {
		case err == nil:
			if err := m.store.Delete(ctx, id); err != nil {
				_ = m.storeFailed(ctx, "delete", id, err) // it has ended anyway, and a sweep will delete it
			}
			m.queuesOf(id).forget(id)
			m.ended(ctx, id)
			return true, nil
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			return false, nil
		case try >= maxTries && !errors.Is(err, ErrConflict), !backoff.Pause(ctx, try):
			return false, err
		}
	}
}

// living returns what a record holds, and reports whether it still lets somebody in. One
// that does not decode does not, nor does one of another application.
func (m *Manager) living(r *Record) (at *stored, live bool) {
	at = &stored{rec: *r}
	if at.decode() != nil {
		return &stored{rec: *r}, false
	}
	now := m.cfg.Now()
	m.cfg.shorten(&at.rec, &at.draft, now)
	return at, now.Before(at.rec.ExpiresAt) && m.cfg.ours(&at.draft)
}
