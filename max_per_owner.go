package session

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// A login that leaves its owner with more than Config.MaxPerOwner sessions ends the
// least recently active ones, in the order of (LastActivity, ID), but none that comes
// after its own. That is why two logins at once cannot end each other, and a login
// on a machine whose clock is behind ends nothing that is newer, and least of all
// itself: then there are more than the limit until the next login.

// place is where a session stands in that order.
type place struct {
	at time.Time
	id ID
}

func (p place) compare(q place) int {
	return cmp.Or(p.at.Compare(q.at), bytes.Compare(p.id[:], q.id[:]))
}

// limitOwner holds the owner of a session that has just logged in to the limit. The
// login is stored, so nothing that fails here fails the response: the next login
// tries again.
func (m *Manager) limitOwner(ctx context.Context, s *Session) {
	own, owner := place{s.at.rec.LastActivity, s.at.rec.ID}, s.at.rec.Owner
	over, older := -m.cfg.MaxPerOwner, []place(nil)
	for r, err := range ListOwner(ctx, m.store, owner) {
		if err != nil {
			_ = m.storeFailed(ctx, "list", own.id, err)
			return
		}
		if _, live := m.living(&r); !live {
			continue
		}
		over++
		if p := (place{r.LastActivity, r.ID}); p.id != own.id && p.compare(own) < 0 {
			older = append(older, p)
		}
	}
	slices.SortFunc(older, place.compare)
	for _, p := range older {
		if over <= 0 || ctx.Err() != nil {
			return
		}
		gone, err := m.endOlder(ctx, p.id, owner, own)
		if err != nil {
			_ = m.storeFailed(ctx, "update", p.id, err)
		}
		if gone {
			over--
		}
	}
}

// endOlder ends a session of the owner unless it has come after own meanwhile, and
// reports whether it is one less to count. A bare Delete, as Revoke does, could end
// a session that is logging in at this moment and ends own in turn; so it ends by an
// update under its version first, as in a logout.
func (m *Manager) endOlder(ctx context.Context, id ID, owner string, own place) (gone bool, err error) {
	mark := rand.Uint64() | 1 // tells our own update, should its answer get lost
	for try := 0; ; try++ {
		r, err := m.store.Load(ctx, id)
		if err == nil {
			d, live := m.living(&r)
			switch {
			case d.remembers(mark): // done
			case !live, r.Owner != owner:
				return true, nil
			case (place{r.LastActivity, id}).compare(own) > 0:
				return false, nil
			default:
				d = d.ended()
				r.Owner, r.ExpiresAt, r.Data = "", m.cfg.Now().UTC(), d.encode(d.doc, mark)
				err = m.store.Update(ctx, r)
			}
		}
		switch {
		case err == nil:
			if err := m.store.Delete(ctx, id); err != nil {
				_ = m.storeFailed(ctx, "delete", id, err) // it has ended all the same, and a sweep will take it
			}
			m.line(id).forget(id)
			m.event(ctx, Event{Kind: EventRevoked, ID: id, Owner: owner})
			return true, nil
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrCorrupt):
			return true, nil
		case try >= maxTries, !backoff.Pause(ctx, try):
			return false, err
		}
	}
}

// living reports whether a record still lets somebody in. One that does not decode
// does not.
func (m *Manager) living(r *Record) (d draft, live bool) {
	at := stored{rec: *r}
	if at.decode() != nil {
		return draft{}, false
	}
	m.cfg.shorten(&at.rec, &at.draft)
	return at.draft, m.cfg.Now().Before(at.rec.ExpiresAt)
}
