package session

import (
	"context"
	"net/http"
)

// leave begins a new session in place of another owner's. The caller holds the lock.
func (s *Session) leave() {
	p := s.change()
	next := &pending{end: s.at != nothing, leaves: !p.end || p.leaves, spent: p.spent}
	for _, o := range p.ops {
		if !p.end && o.kind == opPopOnce {
			next.spent = append(next.spent, o)
		}
	}
	s.pending, s.view = next, view{now: &nothing.draft}
}

// commitSuccessor commits a login as another owner. It creates the new session, and ends the
// former one only then, so that the visitor keeps the former one if the login fails. If that
// cannot be ended, the login fails: the response must not report a success while somebody can
// go on as the former owner. The new session then ends; its token has not been sent to anybody.
func (m *Manager) commitSuccessor(ctx context.Context, s *Session, login *opArgs) (*http.Cookie, error) {
	if s.phase != open { // the token could not be sent
		return nil, ErrCommitted
	}
	// Other goroutines of the request may write while the session is unlocked.
	todo := s.pending
	ops := len(todo.ops)
	todo.rotate = false // a new record has a new token in any case
	next, err := s.applyToEmpty(todo.ops[:ops:ops])
	switch {
	case s.pending != todo || todo.err != nil: // by Rollback, Invalidate, another login or a write
		return nil, s.failure()
	case err == nil:
		err = m.cfg.checkSize(&next, 0)
	}
	if err != nil {
		return nil, err
	}
	rec, sec, err := m.insert(ctx, s, &next, todo.ops[:ops])
	if err != nil {
		return nil, err
	}
	if err := m.checkLogin(ctx, s, &rec, login); err != nil {
		return nil, err
	}
	if s.pending != todo || todo.err != nil {
		s.tally.outcome = OutcomeEnded
		m.endAgain(ctx, &rec, nil)
		return nil, s.failure()
	}
	// If a login has replaced the former token, this one signs in all the same; see beginsAnew.
	if err := m.logout(ctx, s, todo.spent); err != nil && !s.beginsAnew(err) {
		m.endAgain(ctx, &rec, err)
		return nil, err
	}
	rest := s.pending
	if s.pending == todo {
		rest = todo.rest(ops, todo.rotate)
	} else {
		s.mixed = true // the request sees what was stored before
	}
	m.logChanges(ctx, s, rec.ID, todo.ops[:ops])
	cookie := s.adopt(rec, next, &sec, rest)
	if !login.earlier {
		m.limitOwner(ctx, s)
	}
	return cookie, nil
}
