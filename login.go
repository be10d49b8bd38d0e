package session

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Login makes the session that of an owner: any text that identifies an account,
// at most [MaxOwner] bytes. It does all that a change of privilege asks for (OWASP
// ASVS 7.2.4): the client gets a new token, the old one reaches nothing from the
// commit on, and the absolute timeout starts anew. The data stays; call
// [Session.Clear] before if it must not come along.
//
// An empty owner is an error: to log out, call [Session.Invalidate].
func (s *Session) Login(owner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case owner == "":
		s.fail(fmt.Errorf("session: Login needs an owner; to log out, call Invalidate"))
	case len(owner) > MaxOwner || !utf8.ValidString(owner) || strings.IndexByte(owner, 0) >= 0:
		s.fail(fmt.Errorf("session: owner has %d bytes; it must be UTF-8 without NUL, at most %d bytes", len(owner), MaxOwner))
	default:
		s.rotateToken()
		s.do(op{kind: opLogin, args: &opArgs{owner: owner, authAt: s.m.cfg.Now().UnixNano()}})
	}
}

// Regenerate gives the client a new token for the same session and data. From the commit
// on, the old token reaches nothing. Call it at every change of privilege that is not a
// Login, to prevent session fixation. It does not create a session for a visitor who has
// none.
func (s *Session) Regenerate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotateToken()
}

// rotateToken orders a new token. The caller holds the lock.
func (s *Session) rotateToken() {
	if s.phase != open {
		s.fail(ErrCommitted)
	}
	if p := s.change(); p.err == nil {
		p.rotate = true
	}
}

// Invalidate ends the session; this is how to log out. The commit deletes the record,
// and the client's token is dead. Invalidate drops all uncommitted changes and an
// earlier error of a write, so a logout never fails because of them. What is written
// afterwards belongs to a new session with another ID and token. If that cannot be
// stored, the old session has ended all the same.
func (s *Session) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.view = nil, view{now: &nothing.draft}
	if s.at != nothing {
		s.change().end = true
	}
}

// Owner returns whom the session belongs to, "" while it is anonymous.
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Clone(s.now.owner) // callers keep it for long, and a store may have lent it
}

// AuthenticatedAt returns the instant of the last [Session.Login], or the zero
// time. Before something sensitive, ask for the password again if it is long ago
// (OWASP ASVS 7.5.3).
func (s *Session) AuthenticatedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.authAt == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.now.authAt).UTC()
}

// Timeouts returns the limits that [Session.SetTimeouts] has given this session. Zero
// means the manager's default, negative means no limit.
func (s *Session) Timeouts() (idle, absolute time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.idle, s.now.absolute
}

// SetTimeouts gives this session limits of its own, which are stored with it and
// stay through rotation and login: longer ones for "remember me", shorter ones
// for an administrator. Zero is the manager's default (for absolute, at least
// idle), negative is no limit but the 400 days that browsers keep a cookie.
func (s *Session) SetTimeouts(idle, absolute time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle > maxAge || absolute > maxAge {
		s.fail(fmt.Errorf("session: timeouts of %v and %v: browsers keep no cookie for more than 400 days; use a negative value for no limit", idle, absolute))
		return
	}
	s.do(op{kind: opTimeouts, args: &opArgs{idle: idle, absolute: absolute}})
}

// SetPersistent decides whether the cookie outlives the browser, for "remember
// me". How long is a matter of [Session.SetTimeouts]. The default is that of
// [CookieConfig].BrowserSession.
func (s *Session) SetPersistent(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := browserSession
	if yes {
		p = persistent
	}
	s.do(op{kind: opPersist, args: &opArgs{persist: p}})
}
