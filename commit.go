package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// commit stores what a request has changed. Which store call that takes, if any,
// follows from the state of the session:
//
//	nothing changed           none, or a Touch when it is due
//	a record, and changes     Update (combine.go)
//	no record, and data       Create
//	Invalidate                Delete, then Create if there is data
//
// The caller's context gives its values, not its end.
func (m *Manager) commit(parent context.Context, s *Session, u usage) (cookie *http.Cookie, err error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && !(s.dead && errors.Is(s.err, ErrCommitted)) { // a logout is never too late
		return nil, s.err
	}
	now := m.cfg.Now()
	if m.closed.Load() && s.changed() {
		return nil, ErrClosed
	}
	if m.discard || !s.changed() && (s.fresh() || !m.pending(s, u, now)) {
		return nil, nil
	}
	var ctx deadlineContext
	ctx.init(parent, m.cfg.StoreTimeout)
	ctx.detached = true
	defer ctx.release()
	login := m.cfg.MaxPerOwner > 0 && s.logsIn()
	switch {
	case s.ended:
		m.event(&ctx, Event{Kind: EventDropped, Err: ErrEnded})
		return nil, ErrEnded
	case s.fresh():
		cookie, err = m.commitFresh(&ctx, s)
	default:
		cookie, err = m.commitStored(&ctx, s, u, now)
	}
	if login && err == nil && s.at != nothing {
		m.limitOwner(&ctx, s)
	}
	return cookie, err
}

// pending reports whether a stored session needs what no request asks for: to
// lose a flash message, to get its periodic token, or to be touched.
func (m *Manager) pending(s *Session, u usage, now time.Time) bool {
	return m.touchDue(s, now) || m.rotationDue(s, now) || len(s.shown) > 0 && len(s.usedUp(u)) > 0
}

// Commit stores the changes of a session from [Manager.Load], and returns the
// cookie to send to the client, or nil if it needs none. It may be called again
// after more changes. A commit uses up the flash messages that the session was
// loaded with.
//
// It does not end with ctx: a client that goes away loses nothing. The time it may
// take is [Config].StoreTimeout. Among its errors are [ErrEnded], [ErrConflict],
// [ErrTooLarge] and [*StoreError]; then nothing was stored, unless the store's
// answer was lost for good, and the changes are still pending: another Commit finds
// out, and stores nothing twice. A logout stays one if only the new session after it
// could not be stored.
func (m *Manager) Commit(ctx context.Context, s *Session) (*http.Cookie, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	if s == nil || s.m != m {
		return nil, errors.New("session: Commit of another manager's session")
	}
	return m.commit(ctx, s, s.uses(usesAll))
}
