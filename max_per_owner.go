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

// A lastUse is the key of that order.
type lastUse struct {
	at time.Time
	id ID
}

func (u lastUse) compare(v lastUse) int {
	return cmp.Or(u.at.Compare(v.at), bytes.Compare(u.id[:], v.id[:]))
}

// limitOwner holds the owner of a session that has just logged in to the limit. The
// login is stored, so nothing that fails here fails the response: the next login
// tries again.
func (m *Manager) limitOwner(ctx context.Context, s *Session) {
	own, owner := lastUse{s.at.rec.LastActivity, s.at.rec.ID}, s.at.rec.Owner
	over, older := -m.cfg.MaxPerOwner, []lastUse(nil)
	for r, err := range ListOwner(ctx, m.store, owner) {
		if err != nil {
			_ = m.storeFailed(ctx, "list", own.id, err)
			return
		}
		if _, live := m.living(&r); !live {
			continue
		}
		over++
		if u := (lastUse{r.LastActivity, r.ID}); u.id != own.id && u.compare(own) < 0 {
			older = append(older, u)
		}
	}
	slices.SortFunc(older, lastUse.compare)
	for _, u := range older {
		if over <= 0 || ctx.Err() != nil {
			return
		}
		gone, err := m.endOlder(ctx, u.id, owner, own)
		if err != nil {
			_ = m.storeFailed(ctx, "update", u.id, err)
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
func (m *Manager) endOlder(ctx context.Context, id ID, owner string, own lastUse) (gone bool, err error) {
	commitID := rand.Uint64() | 1 // finds our own update if its answer is lost
	for try := 0; ; try++ {
		r, err := m.store.Load(ctx, id)
		if err == nil {
			d, live := m.living(&r)
			switch {
			case d.remembers(commitID): // done
			case !live, r.Owner != owner:
				return true, nil
			case (lastUse{r.LastActivity, id}).compare(own) > 0:
				return false, nil
			default:
				d = d.ended()
				r.Owner, r.ExpiresAt, r.Data = "", m.cfg.Now().UTC(), d.encode(d.doc.Text(), commitID)
				err = m.store.Update(ctx, r)
			}
		}
		switch {
		case err == nil:
			if err := m.store.Delete(ctx, id); err != nil {
				_ = m.storeFailed(ctx, "delete", id, err) // it has ended all the same, and a sweep will take it
			}
			m.queuesOf(id).forget(id)
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
