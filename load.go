package session

import (
	"context"
	"errors"
	"time"
)

// Load returns the session of a token, for transports other than the middleware. For an
// empty, unknown or expired token it returns a new, empty session. The error is
// [ErrClosed] or a [*StoreError]. Call [Manager.Commit] at the end.
//
// A handler that serves a WebSocket or a long stream calls Load and Commit for each
// message, with the context and the token of its request. Its response has begun, so no
// cookie can be sent: the token is not rotated periodically, and changes that need a new
// cookie fail with [ErrCommitted].
func (m *Manager) Load(ctx context.Context, t Token) (*Session, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	s, err := m.load(ctx, t, m.cfg.scope)
	if m.cfg.plain != nil && err == nil && t != "" && s.cred.standing == noToken {
		s, err = m.load(ctx, t, m.cfg.plain) // only the middleware knows how the token came
	}
	if x, ok := ctx.Value(ownKey{m}).(interface{ begunFor(Token) bool }); ok && err == nil && x.begunFor(t) {
		s.enter(sealed)
	}
	return s, err
}

// load is Load of a token in a scope, by a manager that is open.
func (m *Manager) load(parent context.Context, t Token, sc *scope) (*Session, error) {
	if t == "" || m.discard {
		return newSession(m, sc), nil
	}
	id, sec, ok := t.split()
	if !ok {
		m.event(parent, Event{Kind: EventBadCookie})
		return newSession(m, sc), nil
	}
	ctx := parent
	if m.viewer == nil {
		limited := &deadlineContext{}
		limited.init(parent, m.cfg.StoreTimeout)
		defer limited.release()
		ctx = limited
	}
	l := &loaded{}
	at := &l.at
	err := m.view(ctx, id, &at.rec)
	if err == nil {
		if err = at.decode(); err != nil {
			err = errorf(ErrCorrupt, "stored record does not decode: %s", detail(err))
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m, sc), nil
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		return newSession(m, sc), nil
	default:
		return nil, m.storeFailed(ctx, "load", id, err)
	}

	now := m.cfg.Now()
	m.cfg.shorten(&at.rec, &at.draft, now)
	digest := sc.digestOf(id, &sec)
	standing := at.standingOf(&digest, now)
	switch {
	case standing == noToken:
		m.noToken(ctx, at, &digest, now)
		return newSession(m, sc), nil
	case !now.Before(at.rec.ExpiresAt):
		m.event(ctx, Event{Kind: EventExpired, ID: id, Owner: at.rec.Owner})
		return newSession(m, sc), nil
	case standing == superseded:
		m.event(ctx, Event{Kind: EventReplaced, ID: id, Owner: at.rec.Owner})
		s := newSession(m, sc)
		s.cred.standing = superseded
		return s, nil
	}
	s := &l.s
	s.m, s.scope, s.at, s.now, s.shown = m, sc, at, &at.draft, at.flash
	s.cred, s.loadedAt = credential{t, digest, standing}, now
	s.due = s.touchDue(now) || s.rotationDue(now)
	return s, nil
}

// noToken reports a token that gives no access. If it once did, and the session is still
// alive, the token may be stolen; then noToken ends the session if that is wanted.
func (m *Manager) noToken(ctx context.Context, at *stored, presented *digest, now time.Time) {
	id, owner := at.rec.ID, at.rec.Owner
	if !at.reused(presented) || !now.Before(at.rec.ExpiresAt) {
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return
	}
	m.event(ctx, Event{Kind: EventTokenReuse, ID: id, Owner: owner})
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
