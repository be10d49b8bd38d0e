package session

import (
	"context"
	"errors"
)

// Edit changes a stored session outside the requests of its user: from a job, a webhook, or
// another user's request. It loads the session, calls f, and stores what f has changed, by
// the same rules as a request: what others have changed meanwhile is kept, a value of
// [PopOnce] is used only once, and a session that has ended does not come back. Edit never
// creates a session.
//
//	err := manager.Edit(ctx, id, func(s *session.Session) error {
//		s.Set("user.role", "editor")
//		return nil
//	})
//
// An edit is not visitor activity: it does not extend the session, uses up no flash message, and
// replaces no token. Because it cannot send the client anything, Login, Confirm, Regenerate,
// SetTimeouts and SetPersistent fail in f with an error that matches [ErrCommitted]. Invalidate
// ends the session.
//
// If a login or a Regenerate replaces the token of the session while f runs, nothing of that run
// is stored. Edit then loads the session again and calls f again, at most five times in all. So f
// must have no effect outside of the session. The values that it reads there, such as
// [Session.Owner], are true of the session in which its changes are stored. The session must not
// be used after f has returned, and f must not commit or edit the same session itself.
//
// If f returns an error, nothing is stored, and Edit returns the error unchanged. Its other
// errors are [ErrClosed], one that matches [ErrNotFound] if there is no such session or it has
// ended, [ErrEnded] if its token was replaced each time, and those of [Manager.Commit]. After a
// [*StoreError], the outcome may be unknown. Loading takes at most [Config].StoreTimeout and ends
// with ctx; storing takes at most as long, and does not end with ctx.
func (m *Manager) Edit(ctx context.Context, id ID, f func(s *Session) error) error {
	return m.edit(ctx, id, func(*Session) bool { return true }, f)
}

// EditOwner calls [Manager.Edit] for each session of an owner that has not expired, one after the
// other, and returns the number of sessions that it has edited. Use it after a change of roles,
// for example. It skips a session that has meanwhile ended or that belongs to somebody else by
// then. Any other error, including one from f, stops EditOwner, and so does the end of ctx; the
// sessions edited by then stay edited. An empty owner is an error.
//
// A login that runs at the same time may be stored after the sessions have been listed. So first
// change what a login reads, such as the role in the database, and then call EditOwner. It lists
// the sessions as [Manager.RevokeOwner] does, a thousand at a time.
func (m *Manager) EditOwner(ctx context.Context, owner string, f func(s *Session) error) (n int, err error) {
	switch {
	case m.closed.Load():
		return 0, ErrClosed
	case owner == "":
		return 0, errNoOwner
	}
	for some, err := range m.owned(ctx, owner, nil) {
		if err != nil {
			return n, storeError("list", ID{}, err)
		}
		for _, u := range some {
			if !u.live {
				continue
			}
			if err := ctx.Err(); err != nil {
				return n, storeError("load", u.id, err)
			}
			failed := error(nil)
			err := m.edit(ctx, u.id, func(s *Session) bool { return s.Owner() == owner }, func(s *Session) error {
				failed = f(s)
				return failed
			})
			switch {
			case err == nil:
				n++
			case failed != nil, !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrEnded):
				return n, err
			}
		}
	}
	return n, nil
}

// edit is Edit of a session for which a condition holds.
func (m *Manager) edit(ctx context.Context, id ID, holds func(*Session) bool, f func(*Session) error) error {
	for try := 0; ; try++ {
		if m.closed.Load() {
			return ErrClosed
		}
		s, err := m.loadByID(ctx, id)
		if err == nil && !holds(s) {
			err = errorf(ErrNotFound, "session %s belongs to somebody else", id)
		}
		if err != nil {
			return err
		}
		if err := f(s); err != nil {
			s.drop(errOver)
			return err
		}
		_, err = m.commit(ctx, s, usesNone)
		s.drop(errOver)
		if !errors.Is(err, ErrEnded) || try >= maxTries {
			return err
		}
	}
}

// loadByID returns a session for an edit. It stands for a request that has the session's
// token, except that its response has begun.
func (m *Manager) loadByID(parent context.Context, id ID) (*Session, error) {
	var ctx deadlineContext
	ctx.init(parent, m.cfg.StoreTimeout)
	defer ctx.release()
	r, err := m.store.Load(&ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, errorf(ErrNotFound, "no session %s", id)
	case err != nil && !errors.Is(err, ErrCorrupt):
		return nil, m.storeFailed(parent, "load", id, err)
	}
	at := &stored{rec: r}
	if err == nil {
		err = at.decode()
	}
	if err != nil {
		err = errorf(ErrCorrupt, "stored record %s does not decode: %s", id, detail(err))
		m.corrupt(parent, id, err)
		return nil, err
	}
	now := m.cfg.Now()
	m.cfg.shorten(&at.rec, &at.draft, now)
	if !now.Before(at.rec.ExpiresAt) || !m.cfg.ours(&at.draft) {
		return nil, errorf(ErrNotFound, "no session %s", id)
	}
	s := newSession(m, m.cfg.scopes[0])
	s.at, s.now = at, &at.draft
	s.cred = credential{digest: at.digest, standing: current}
	s.passive, s.loadedAt = true, now
	s.phase, s.ended = sealed, errEdit
	return s, nil
}
