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
		s.do(op{kind: opLogin, who: &identity{owner: owner, authAt: s.m.cfg.Now().UnixNano()}})
	}
}

// Regenerate gives the client a new token for the same session and data; the old
// token reaches nothing from the commit on. Call it at every change of privilege
// that is no Login, to prevent session fixation. A session that is empty and not
// stored stays so.
func (s *Session) Regenerate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotateToken()
}

// rotateToken orders a new token. The caller holds the lock.
func (s *Session) rotateToken() {
	if s.sealed {
		s.fail(ErrCommitted)
	}
	if s.err == nil {
		s.rotating = true
	}
}

// Invalidate ends the session: its record is deleted at the commit, its data is
// gone, the client's token is dead. What is written afterwards belongs to a new
// session with another ID and token. This is the way to log out.
func (s *Session) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.dead = s.at != nothing
	s.now, s.own = &nothing.draft, false
	s.ops, s.nows, s.rotating, s.newID, s.merged = nil, nil, false, ID{}, false
	s.cid, s.tried = 0, nil
	s.epoch++
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
	s.do(op{kind: opTimeouts, who: &identity{idle: idle, absolute: absolute}})
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
	s.do(op{kind: opPersist, who: &identity{persist: p}})
}
