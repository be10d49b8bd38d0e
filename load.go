package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Load returns the session of a token, for transports other than the middleware. For an
// empty, unknown or expired token it returns a new, empty session. The error is
// [ErrClosed] or a [*StoreError]. Call [Manager.Commit] at the end, or [Manager.CommitToken]
// if the client uses a header. [Manager.TokenOf] returns the token of a request.
//
// A handler that serves a WebSocket or a long stream calls Load and Commit for each
// message, with the context and the token of its request. Its response has begun, so no
// cookie can be sent: the token is not rotated periodically, and changes that need a new
// cookie fail with [ErrCommitted].
func (m *Manager) Load(ctx context.Context, t Token) (*Session, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	s, err := m.load(ctx, t, m.cfg.scopes...) // only the middleware knows how the token came
	if x, ok := ctx.Value(ownKey{m}).(interface{ begunFor(Token) bool }); ok && err == nil && x.begunFor(t) {
		s.enter(sealed)
	}
	return s, err
}

// TokenOf returns the token that a request presents in its header ([TransportConfig]) or its
// cookie, for [Manager.Load]. It returns "" if there is none, or if there are several.
func (m *Manager) TokenOf(r *http.Request) Token {
	p := m.cfg.Transport.read(r.Header)
	if p == nil && !m.cfg.Transport.HeaderOnly {
		value, _, unique := readCookie(r.Header, m.cfg.scopeOf(r).name)
		p = &presented{value, unique}
	}
	if p == nil || !p.unique {
		return ""
	}
	return Token(p.value)
}

// loadHeader is load of what a token header contains. Without the header, the session is a
// new one.
func (m *Manager) loadHeader(ctx context.Context, p *presented) (*Session, error) {
	switch {
	case p == nil:
		return newSession(m, m.cfg.header), nil
	case !p.unique:
		m.event(ctx, Event{Kind: EventBadCookie, Err: errSeveralHeaders})
		return newSession(m, m.cfg.header), nil
	}
	return m.load(ctx, Token(p.value), m.cfg.header)
}

// load is Load of a token in one of some scopes, by a manager that is open. A new session is
// in the first of them.
func (m *Manager) load(parent context.Context, t Token, scopes ...*scope) (*Session, error) {
	none := scopes[0]
	if t == "" || m.discard {
		return newSession(m, none), nil
	}
	id, sec, ok := t.split()
	if !ok {
		m.event(parent, Event{Kind: EventBadCookie})
		return newSession(m, none), nil
	}
	ctx := parent
	if m.viewer == nil {
		limited := &deadlineContext{}
		limited.init(parent, m.cfg.StoreTimeout)
		defer limited.release()
		ctx = limited
	}
	began := m.begin()
	l := &loaded{}
	at := &l.at
	err := m.view(ctx, id, &at.rec)
	if err == nil {
		if err = at.decode(); err != nil {
			err = errorf(ErrCorrupt, "stored record does not decode: %s", detail(err))
		}
	}
	if err != nil {
		return m.notLoaded(ctx, id, none, began, err)
	}

	now := m.cfg.Now()
	m.cfg.shorten(&at.rec, &at.draft, now)
	sc, digest, standing := at.match(id, &sec, scopes, now)
	switch {
	case standing == noToken:
		m.noToken(ctx, at, &digest, now, began)
		return newSession(m, sc), nil
	case !now.Before(at.rec.ExpiresAt):
		m.ends(ctx, began, OpLoad, OutcomeExpired, Event{Kind: EventExpired, ID: id, Owner: at.rec.Owner})
		return newSession(m, sc), nil
	case standing == superseded:
		m.ends(ctx, began, OpLoad, OutcomeReplaced, Event{Kind: EventReplaced, ID: id, Owner: at.rec.Owner})
		s := newSession(m, sc)
		s.cred.standing = superseded
		return s, nil
	}
	s := &l.s
	s.m, s.scope, s.at, s.now, s.shown = m, sc, at, &at.draft, at.flash
	s.cred, s.loadedAt = credential{t, digest, standing}, now
	s.due = s.touchDue(now) || s.rotationDue(now)
	if m.cfg.OnEvent != nil {
		m.ends(ctx, began, OpLoad, OutcomeFound, Event{Kind: EventLoaded, ID: id, Owner: at.rec.Owner, Bytes: at.doc.Len()})
	}
	return s, nil
}

// match returns the scope in which a token leads to a record, its digest there, and what it is
// worth. Without one, it returns the first scope, and the digest of a token that was replaced, if
// it is one.
func (at *stored) match(id ID, sec *secret, scopes []*scope, now time.Time) (sc *scope, d digest, worth standing) {
	for i, sc := range scopes {
		in := sc.digestOf(id, sec)
		if worth := at.standingOf(&in, now); worth != noToken {
			return sc, in, worth
		}
		if i == 0 || at.reused(&in) {
			d = in
		}
	}
	return scopes[0], d, noToken
}

// notLoaded reports a load without a record, and returns what the request gets.
func (m *Manager) notLoaded(ctx context.Context, id ID, sc *scope, began time.Time, err error) (*Session, error) {
	switch {
	case errors.Is(err, ErrNotFound):
		m.ends(ctx, began, OpLoad, OutcomeUnknown, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m, sc), nil
	case errors.Is(err, ErrCorrupt):
		m.logCorrupt(ctx, id, err)
		m.ends(ctx, began, OpLoad, OutcomeCorrupt, Event{Kind: EventCorrupt, ID: id, Err: err})
		return newSession(m, sc), nil
	}
	err = storeError("load", id, err)
	m.cfg.logStoreFailure(ctx, err)
	m.ends(ctx, began, OpLoad, OutcomeFailed, Event{Kind: EventFailed, ID: id, Err: err})
	return nil, err
}

// noToken reports a token that gives no access. If it once did, and the session is still
// alive, the token may be stolen; then noToken ends the session if that is wanted.
func (m *Manager) noToken(ctx context.Context, at *stored, presented *digest, now, began time.Time) {
	id, owner := at.rec.ID, at.rec.Owner
	if !at.reused(presented) || !now.Before(at.rec.ExpiresAt) {
		m.ends(ctx, began, OpLoad, OutcomeUnknown, Event{Kind: EventUnknownToken, ID: id})
		return
	}
	m.ends(ctx, began, OpLoad, OutcomeUnknown, Event{Kind: EventTokenReuse, ID: id, Owner: owner})
	if !m.cfg.RevokeOnReuse {
		return
	}
	ended, err := m.end(ctx, id, func(at *stored, live bool) bool { return live && at.reused(presented) })
	if err != nil {
		_ = m.storeFailed(ctx, "update", id, err)
	} else if ended {
		m.event(ctx, Event{Kind: EventRevoked, ID: id, Owner: owner})
	}
}

// A loaded is a session and what is stored of it, in one allocation.
type loaded struct {
	s  Session
	at stored
}

// view loads a record that is only read, without a copy if the store is a Viewer.
func (m *Manager) view(ctx context.Context, id ID, r *Record) (err error) {
	if m.viewer != nil {
		*r, err = m.viewer.View(ctx, id)
	} else {
		*r, err = m.store.Load(ctx, id)
	}
	return err
}
