package session

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"
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

// maxEnded is how many sessions one login ends at most. If the limit has been lowered and
// an owner has thousands above it, each of the next logins ends some more.
const maxEnded = 100

// limitOwner holds the owner of a session that has just logged in to the limit. The
// login is stored, so nothing that fails here fails the response: the next login
// tries again.
func (m *Manager) limitOwner(ctx context.Context, s *Session) {
	if m.cfg.MaxPerOwner == 0 {
		return
	}
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
	for _, u := range older[:min(len(older), maxEnded)] {
		if over <= 0 || ctx.Err() != nil {
			return
		}
		gone := true
		ended, err := m.end(ctx, u.id, func(at *stored, live bool) bool {
			mine := live && at.rec.Owner == owner
			gone = !mine || (lastUse{at.rec.LastActivity, u.id}).compare(own) <= 0
			return mine && gone
		})
		if err != nil {
			_ = m.storeFailed(ctx, "update", u.id, err)
			continue
		}
		if ended {
			m.event(ctx, Event{Kind: EventRevoked, ID: u.id, Owner: owner})
		}
		if gone {
			over--
		}
	}
}
