package session

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Login gives the session to an owner: any text that identifies an account, at most
// [MaxOwner] bytes. It does everything that a change of privilege requires (OWASP ASVS
// 7.2.4): the client gets a new token, the old one stops working at the commit, and the
// absolute timeout starts again.
//
// An anonymous session keeps its data and its ID, and so does a session that already belongs
// to the owner. If the session belongs to another owner, Login begins a new one with a new
// ID, without data, flash messages, timeouts and persistence, and the former session ends. Login
// drops what the request has written before; a value that the request got from [PopOnce] still
// counts as used. What the request writes afterwards belongs to the new owner. To keep
// everything, pass [KeepingData].
//
// The former session ends last: after the new one is stored and [OnlyIf] has been checked. If any
// of that fails, so does the commit, and the visitor keeps the former session. The former session
// may have ended as well, but only if the store's answer to its deletion was lost.
//
// A login succeeds even if the session ends, or another request replaces its token, before
// the commit. The commit then creates a new session, with a new ID, that holds only what
// this request has written.
//
// An empty owner is an error. To log out, call [Session.Invalidate].
func (s *Session) Login(owner string, options ...LoginOption) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case owner == "":
		s.fail(fmt.Errorf("session: Login needs an owner; to log out, call Invalidate"))
		return
	case len(owner) > MaxOwner || !utf8.ValidString(owner) || strings.IndexByte(owner, 0) >= 0:
		s.fail(fmt.Errorf("session: the owner passed to Login has %d bytes; it must be UTF-8 without NUL and have at most %d bytes", len(owner), MaxOwner))
		return
	}
	var o LoginOption
	for _, more := range options {
		o.keep = o.keep || more.keep
		if more.earlier {
			o.earlier, o.at = true, more.at
		}
		o.holds = both(o.holds, more.holds)
	}
	s.rotateToken()
	if s.now.owner != "" && s.now.owner != owner && !o.keep && s.failure() == nil {
		s.leave()
	}
	if earlier := s.login(); earlier != nil { // by this request
		o.holds = both(earlier.holds, o.holds)
	}
	s.do(op{kind: opLogin, args: &opArgs{owner: owner, authAt: o.authAt(s.m.cfg.Now()), earlier: o.earlier, holds: o.holds}})
}

// A LoginOption changes what [Session.Login] does.
type LoginOption struct {
	keep    bool
	holds   func(context.Context) (bool, error)
	earlier bool
	at      time.Time
}

// both returns a condition that holds if a and b do. A nil condition always holds.
func both(a, b func(context.Context) (bool, error)) func(context.Context) (bool, error) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(ctx context.Context) (bool, error) {
		if ok, err := a(ctx); !ok || err != nil {
			return false, err
		}
		return b(ctx)
	}
}

// KeepingData lets another owner take over the session with its data, flash messages,
// timeouts and ID. Use it for an account that changes its name, or for an administrator who
// acts as a user. Everything in the session then belongs to the new owner.
func KeepingData() LoginOption { return LoginOption{keep: true} }

// OnlyIf makes the login depend on a condition, for instance that the password that was
// checked is still the owner's. The commit calls holds once the login is stored, before the
// client gets the new token, and within [Config].StoreTimeout. If holds returns false, the
// session that has logged in ends, and the commit fails with [ErrEnded]. If it returns an error,
// the session ends as well, and the commit fails with a [*StoreError]. A later Commit then
// fails, too. So if you store a new password and then call [Manager.RevokeOwner], no sign-in with
// the old password survives, even one that runs at the same time:
//
//	s.Login(user.ID, session.OnlyIf(func(ctx context.Context) (bool, error) {
//		now, err := users.PasswordHash(ctx, user.ID)
//		return now == user.PasswordHash, err
//	}))
//
// The condition must read from a place where the change is visible as soon as it is made,
// not from a cache or a replica. It may read the session, but must not change it. If there are
// several conditions, also of earlier calls of Login in the request, all must be true.
func OnlyIf(holds func(ctx context.Context) (bool, error)) LoginOption {
	return LoginOption{holds: holds}
}

// LoggedInAt is for a login that took place earlier, in another program or with another session
// library, and that the session only takes over. [Session.AuthenticatedAt] then returns t. Pass
// the zero time if nobody knows when the user signed in. A time in the future counts as now. The
// absolute timeout does not start before the session was created. [Config].MaxPerOwner takes
// effect only at the next login.
func LoggedInAt(t time.Time) LoginOption { return LoginOption{earlier: true, at: t} }

// authAt returns when the login took place, as the envelope stores it.
func (o LoginOption) authAt(now time.Time) int64 {
	switch {
	case !o.earlier || o.at.After(now):
		return now.UnixNano()
	case o.at.IsZero():
		return 0
	}
	return o.at.UnixNano()
}

// Regenerate gives the client a new token for the same session and data. The old token
// stops working at the commit. Call it at every change of privilege except Login and Confirm, to
// prevent session fixation. It does not create a session for a visitor who has none.
func (s *Session) Regenerate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotateToken()
}

// Confirm records that the owner has just proved again who they are, by a password or a second
// factor (OWASP ASVS 7.5.3). The owner and the data stay the same. As at a login, the client
// gets a new token, the old one stops working at the commit, AuthenticatedAt is the time of
// the call, and the absolute timeout starts again. [Manager.RequireFresh] asks for it.
//
// Unlike Login, Confirm never begins a session, because it is not a proof by itself: if the
// session has ended, or another request has replaced its token, the commit fails with
// [ErrEnded]. If the session is anonymous, it fails with [ErrAnonymous].
func (s *Session) Confirm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.now.owner != "":
	case s.cred.standing == superseded:
		s.fail(ErrEnded)
		return
	default:
		s.fail(ErrAnonymous)
		return
	}
	s.rotateToken()
	s.do(op{kind: opConfirm, args: &opArgs{authAt: s.m.cfg.Now().UnixNano()}})
}

// rotateToken requests a new token. The caller holds the lock.
func (s *Session) rotateToken() {
	if s.phase != open {
		s.fail(s.tooLate())
	}
	if p := s.change(); p.err == nil {
		p.rotate = true
	}
}

// Invalidate ends the session; this is how to log out. The commit deletes the record, and the
// client's token stops working. Invalidate drops all uncommitted changes and any earlier write
// error, so a logout never fails because of them. What is written afterwards belongs to a new
// session with a new ID and token. The old session ends even if the new one cannot be stored. If
// the browser has sent the cookies of several sessions, all of them end.
func (s *Session) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endStored()
	if s.phase == over {
		s.fail(s.tooLate())
		return
	}
	s.left = s.unclear
}

// Owner returns the owner that [Session.Login] has set, or "" if the session is
// anonymous.
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Clone(s.now.owner) // a caller may keep it for long, and it may be part of what a store has lent
}

// AuthenticatedAt returns the time of the last [Session.Login] or [Session.Confirm], or the
// zero time. If it is long ago, ask for the password again before a sensitive operation (OWASP
// ASVS 7.5.3); [Manager.RequireFresh] does.
func (s *Session) AuthenticatedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.authAt == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.now.authAt).UTC()
}

// Timeouts returns the timeouts that [Session.SetTimeouts] has given this session, not
// those in effect. Zero means the manager's default, and a negative value means no limit. For
// the time that is left, see [Session.ExpiresAt].
func (s *Session) Timeouts() (idle, absolute time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.idle, s.now.absolute
}

// SetTimeouts gives this session timeouts of its own: longer ones for "remember me", or
// shorter ones for an administrator. They are stored with the session and survive rotation
// and login. Zero means the manager's default (for absolute, at least idle). A negative value
// means no limit except the 400 days that browsers keep a cookie. To change only one timeout,
// get the other one from [Session.Timeouts].
func (s *Session) SetTimeouts(idle, absolute time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if idle > maxAge || absolute > maxAge {
		s.fail(fmt.Errorf("session: timeouts of %v and %v are too long: browsers keep no cookie for more than 400 days; use a negative value for no limit", idle, absolute))
		return
	}
	s.do(op{kind: opTimeouts, args: &opArgs{idle: idle, absolute: absolute}})
}

// SetPersistent decides whether the cookie survives when the browser is closed, for
// "remember me". [Session.SetTimeouts] decides for how long. The default follows from
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
