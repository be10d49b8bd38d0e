package session

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"
)

// An attempt is a commit to a record. If the store's answer is lost for good, its outcome
// is open; then the next commit makes it again as it was, under the same id, and what
// the request has changed since is a commit of its own. Only so it can be told which of
// them is stored.
type attempt struct {
	ops      int      // how many of the session's it has
	rotation rotation // 0: none
	sec      secret   // of the new token
	under    uint64   // what id the store has of it, if it has it; 0: it is new
}

// open returns the attempt as it is to be made again, or nil if it is known that nothing
// of the patch is stored.
func (a attempt) open(p *patch) *attempt {
	if !p.user || !errors.As(p.err, new(*StoreError)) {
		return nil
	}
	a.under = cmp.Or(p.again, p.under, p.id) // in company, it was stored under one id for all
	return &a
}

// commitStored commits to a record; first the attempt before, if its outcome is open.
func (m *Manager) commitStored(ctx context.Context, s *Session, u usage, now time.Time) (*http.Cookie, error) {
	tried := s.tried
	cookie, err := m.commitPatch(ctx, s, u, now)
	if err != nil || tried == nil || !s.changed() || s.dead {
		return cookie, err
	}
	next, err := m.commitPatch(ctx, s, usesNone, m.cfg.Now()) // the one before may have taken long
	return cmp.Or(next, cookie), err
}
