package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// commit stores what a request has changed. Which store call that takes, if any,
// follows from the state of the session:
//
//	nothing changed           none, or a Touch when it is due
//	a record, and changes     Update, shared with other requests (leader.go)
//	no record, and data       Create
//	Invalidate                Update and Delete, then Create if there is data
//	Login as another owner    Create, then Update and Delete of the former record
//
// It uses the values of the caller's context, but does not end with it.
func (m *Manager) commit(parent context.Context, s *Session, u usage) (cookie *http.Cookie, err error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.follow(s.hold())
	if err := s.failure(); err != nil && (!s.pending.end || s.pending.leaves) { // a logout does not depend on later writes
		return nil, err
	}
	now := m.cfg.Now()
	if m.closed.Load() && s.changed() {
		return nil, ErrClosed
	}
	if m.discard || !s.changed() && (s.fresh() || !s.anythingDue(u, now)) {
		return nil, nil
	}
	var ctx deadlineContext
	ctx.init(parent, m.cfg.StoreTimeout)
	ctx.detached = true
	defer ctx.release()
	began, before := m.begin(), s.at
	s.tally = tally{}
	err = errInterrupted // in case the store or a function of the request panics
	defer func() { m.committed(&ctx, s, before, began, err) }()
	return m.commitChanges(&ctx, s, u, now)
}

// commitChanges makes the store calls of a commit. The caller holds the lock of the session.
func (m *Manager) commitChanges(ctx context.Context, s *Session, u usage, now time.Time) (cookie *http.Cookie, err error) {
	login := s.login()
	switch {
	case s.cred.standing == superseded && login == nil:
		return nil, m.refuseSuperseded(ctx, s)
	case login != nil && s.pending.end && s.pending.leaves:
		return m.commitSuccessor(ctx, s, login)
	case s.fresh():
		cookie, err = m.commitFresh(ctx, s)
	default:
		cookie, err = m.commitStored(ctx, s, u, now)
	}
	if s.beginsAnew(err) {
		s.at, s.cred, s.shown, s.mixed = nothing, credential{}, nil, true
		s.pending.end, s.pending.tried = false, nil
		cookie, err = m.commitFresh(ctx, s)
	}
	if login == nil || err != nil || s.at == nothing {
		return cookie, err
	}
	if err := m.checkLogin(ctx, s, &s.at.rec, login); err != nil {
		return nil, err
	}
	if !login.earlier {
		m.limitOwner(ctx, s)
	}
	return cookie, nil
}

// refuseSuperseded refuses what was written with a token that a login has replaced. The
// client has a newer token, or the response with it was lost. A GET or HEAD loses nothing
// that matters: the handler has seen an empty session, so what it has written is a message,
// or the page to go to after a login. It is answered as usual, and without a cookie, so
// that the client keeps the better one.
func (m *Manager) refuseSuperseded(ctx context.Context, s *Session) error {
	m.cfg.log(ctx, slog.LevelWarn, "session: changes were not stored, because a login has replaced the token", logError(ErrEnded))
	m.event(ctx, Event{Kind: EventDropped, Err: ErrEnded})
	if s.request == nil || s.request.Method != http.MethodGet && s.request.Method != http.MethodHead {
		return ErrEnded
	}
	s.pending, s.mixed = nil, true // the request continues to see it
	return nil
}

// Commit stores the changes of a session from [Manager.Load]. It returns the cookie to
// send to the client, or nil if the client needs none. It may be called again after
// more changes. A commit uses up the flash messages that the session was loaded with.
//
// Commit does not end with ctx, so nothing is lost when a client goes away. It takes at
// most [Config].StoreTimeout. Its errors include [ErrEnded], [ErrConflict],
// [ErrTooLarge] and [*StoreError]. After an error the changes are still pending.
// Usually nothing was stored. If the store's answer was lost, the outcome is unknown:
// another Commit finds out, and stores nothing twice. After [Session.Invalidate], the
// old session has ended even if the new one could not be stored.
func (m *Manager) Commit(ctx context.Context, s *Session) (*http.Cookie, error) {
	if err := m.mayCommit(s); err != nil {
		return nil, err
	}
	if s.scope.header != "" {
		return nil, errors.New("session: the token of the session passed to Commit belongs in a header, and Commit returns cookies; call CommitToken")
	}
	return m.commit(ctx, s, s.uses(usesAll))
}

// CommitToken is like [Manager.Commit], and returns the token in place of the cookie. Use it
// for clients that send their tokens in a header ([TransportConfig]). If changed is true, the
// client has to get t; then an empty t means that the session has ended, and with it the
// token.
//
// If the session came by cookie, t is what the cookie has to contain from then on; to send it,
// use Commit. A new session is one for a cookie, unless [TransportConfig].HeaderOnly is set.
func (m *Manager) CommitToken(ctx context.Context, s *Session) (t Token, changed bool, err error) {
	if err := m.mayCommit(s); err != nil {
		return "", false, err
	}
	c, err := m.commit(ctx, s, s.uses(usesAll))
	if c == nil {
		return "", false, err
	}
	return Token(c.Value), true, err
}

// mayCommit refuses a session that is not the manager's.
func (m *Manager) mayCommit(s *Session) error {
	switch {
	case m.closed.Load():
		return ErrClosed
	case s == nil:
		return errors.New("session: Commit needs a session; pass the one that Load returned")
	case s.m != m:
		return errors.New("session: the session passed to Commit belongs to another manager; use the manager that loaded it")
	}
	return nil
}
