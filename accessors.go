package session

import (
	"fmt"
	"io"
	"time"
)

// Err returns the error of the first write of this request that failed, or nil. As with
// [bufio.Writer], later writes then do nothing, and the commit fails with the error:
// none of the request's changes are stored, except that the session ends if
// [Session.Invalidate] was called. To respond to the error yourself, call
// [Session.Rollback] first, or call [Error], which calls it for you.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure()
}

// Rollback drops the changes that are not committed yet, and the error that [Session.Err]
// returns.
func (s *Session) Rollback() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.view, s.left = nil, view{now: &s.at.draft}, false
}

// ID returns the session's public ID, which stays the same for its whole life. For a
// session that is not stored yet, ID returns the ID that it will get.
func (s *Session) ID() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fresh() {
		return s.at.rec.ID
	}
	p := s.change()
	if p.newID.IsZero() {
		p.newID = randomID()
	}
	return p.newID
}

// IsNew reports whether the session is not stored yet.
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh()
}

// WillRotate reports whether the next commit gives the client a new token: the session is
// new and has something to store, [Session.Login], [Session.Confirm] or [Session.Regenerate] was called, or
// a periodic rotation ([Config].RotateEvery) is due. The response then carries a cookie, so
// a handler that hijacks it must send its headers. (A periodic rotation is postponed if the
// response is hijacked or has the status 101.)
func (s *Session) WillRotate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.m.discard || s.phase != open || s.failure() != nil || s.cred.standing == superseded && s.login() == nil:
		return false
	case s.fresh():
		return s.stores() && s.barred() == nil
	}
	return s.pending != nil && s.pending.rotate || (s.request == nil || s.due || s.changed()) && s.rotationDue(s.m.cfg.Now())
}

// Format writes "session" and the ID for every verb, so that a session that is
// logged by accident shows neither its data nor its token (CVE-2023-20866).
func (s *Session) Format(f fmt.State, _ rune) {
	if s == nil {
		io.WriteString(f, "session <nil>")
		return
	}
	fmt.Fprintf(f, "session %v", s.ID())
}

// ExpiresAt returns when the session ends unless it is used again.
func (s *Session) ExpiresAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh() || s.pending != nil && (len(s.pending.ops) > 0 || s.pending.rotate) && !s.quiet() {
		now := s.m.cfg.Now()
		created := now
		if !s.fresh() {
			created = s.at.rec.CreatedAt
		}
		return s.m.cfg.expires(s.now, created, now)
	}
	return s.at.rec.ExpiresAt
}
