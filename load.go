package session

import (
	"context"
	"errors"
	"time"
)

// Load returns the session of a token, for transports other than the middleware.
// A token that is empty, unknown or expired gives a new, empty session; the error
// is [ErrClosed] or a [*StoreError]. End with [Manager.Commit].
func (m *Manager) Load(ctx context.Context, t Token) (*Session, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	return m.load(ctx, t)
}

// load is Load of a manager that is open.
func (m *Manager) load(parent context.Context, t Token) (*Session, error) {
	if t == "" || m.discard {
		return newSession(m), nil
	}
	id, sec, ok := t.split()
	if !ok {
		m.event(parent, Event{Kind: EventBadCookie})
		return newSession(m), nil
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
			err = errors.Join(ErrCorrupt, err)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m), nil
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		return newSession(m), nil
	default:
		return nil, m.storeFailed(ctx, "load", id, err)
	}

	m.cfg.shorten(&at.rec, &at.draft)
	now := m.cfg.Now()
	presented := m.cfg.digestOf(id, &sec)
	current := at.digest.equal(&presented)
	recent := at.prev.kind != 0 && at.prev.digest.equal(&presented) && now.UnixNano() < at.prev.deadline
	switch {
	case !current && !recent:
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m), nil
	case !now.Before(at.rec.ExpiresAt):
		m.event(ctx, Event{Kind: EventExpired, ID: id, Owner: at.rec.Owner})
		return newSession(m), nil
	case !current && at.prev.kind != periodic:
		m.event(ctx, Event{Kind: EventReplaced, ID: id, Owner: at.rec.Owner})
		s := newSession(m)
		s.ended = true
		return s, nil
	}
	s := &l.s
	s.m, s.at, s.now, s.shown = m, at, &at.draft, at.flash
	s.presented, s.token, s.previous = presented, t, !current
	s.due = m.touchDue(s, now) || m.rotationDue(s, now)
	return s, nil
}

// view loads a record that is only read, if the store makes a difference.
func (m *Manager) view(ctx context.Context, id ID, r *Record) (err error) {
	if m.viewer != nil {
		*r, err = m.viewer.View(ctx, id)
	} else {
		*r, err = m.store.Load(ctx, id)
	}
	return err
}

// A loaded is a session and what is stored of it, in one allocation.
type loaded struct {
	s  Session
	at stored
}

func (m *Manager) rotationDue(s *Session, now time.Time) bool {
	return m.cfg.RotateEvery > 0 && !s.previous && !s.passive && !s.sealed && now.Sub(time.Unix(0, s.at.rotatedAt)) >= m.cfg.RotateEvery
}

// touchDue reports whether the recorded activity lags too far behind. A session of
// its own, shorter idle timeout is touched more often, or it would expire in use;
// one that has expired is not touched, or it would come back to life. After the
// response has begun, "every request" has had its touch.
func (m *Manager) touchDue(s *Session, now time.Time) bool {
	every := m.cfg.TouchEvery
	if limit := m.cfg.idle(s.at.idle, s.at.absolute) / 20; every < 0 && s.sealed || every > limit && s.at.idle > 0 {
		every = limit
	}
	since := now.Sub(s.at.rec.LastActivity)
	return !s.untouchable && !s.passive && since > 0 && since >= every && now.Before(s.at.rec.ExpiresAt)
}
