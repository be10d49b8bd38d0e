package session

import "context"

// checkLogin checks the condition of a login that is stored in a record. If it is not true, the
// session ends again. The client does not have the new token yet. If the condition changes
// and RevokeOwner follows, then either the change comes before this check, or RevokeOwner finds
// the session.
func (m *Manager) checkLogin(ctx context.Context, s *Session, rec *Record, login *opArgs) error {
	if login.holds == nil {
		return nil
	}
	ok, err := false, errFunction
	defer func() {
		if err == nil {
			return
		}
		if s.at.rec.ID == rec.ID { // rather than the session of the former owner
			s.at, s.cred, s.shown = nothing, credential{}, nil
			s.pending, s.view = nil, view{now: &nothing.draft}
		}
		s.fail(err) // another commit must not pass for a login
		m.endAgain(ctx, rec, err)
	}()
	func() {
		s.mu.Unlock() // it may read the session
		defer s.mu.Lock()
		ok, err = login.holds(ctx)
	}()
	switch {
	case err != nil:
		err = storeError("check the login", rec.ID, err)
	case !ok:
		err = errLogin
	}
	return err
}

// endAgain ends the session of a login that has failed once it was stored.
func (m *Manager) endAgain(ctx context.Context, rec *Record, cause error) {
	var own deadlineContext // what has failed may have used up the time of ctx
	own.init(ctx, m.cfg.StoreTimeout)
	own.detached = true
	defer own.release()
	ended, err := m.end(&own, rec.ID, func(at *stored, _ bool) bool { return at.rec.Owner == rec.Owner })
	if err != nil {
		_ = m.storeFailed(ctx, "update", rec.ID, err)
	} else if ended {
		m.event(ctx, Event{Kind: EventRevoked, ID: rec.ID, Owner: rec.Owner, Err: cause})
	}
}
