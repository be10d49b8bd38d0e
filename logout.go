package session

import (
	"context"
	"errors"

	"github.com/expanse-go/session/internal/backoff"
)

// logout ends a stored session. By a bare Delete, a request that came with an old token
// could end the session of the login that has replaced that token. So logout first
// updates the record to an ended one, under its version and only with a token that may
// write. The record that is left to delete then cannot come back. It is not an error if
// another request has already deleted the record, unless values of it are spent.
func (m *Manager) logout(ctx context.Context, s *Session, spent []op) error {
	id := s.at.rec.ID
	p := &patch{ops: spent, id: s.commitID(), requested: true, ends: true, presented: s.cred.digest, at: s.at, began: m.cfg.Now()}
	s.tally.called = true
	m.combineUnlocked(ctx, s, p)
	s.tally.add(p)
	if p.outcome != isStored && (!errors.Is(p.err, errGone) || len(p.ops) > 0) {
		return m.updateFailed(ctx, s, p)
	}
	for try := 0; ; try++ {
		err := m.store.Delete(ctx, id)
		if err == nil {
			break
		}
		if try >= maxTries || !backoff.Pause(ctx, try) {
			_ = m.storeFailed(ctx, "delete", id, err) // the session has ended anyway, and a sweep will delete the record
			break
		}
	}
	m.queuesOf(id).forget(id)
	m.ended(ctx, id)
	s.tally.outcome, s.tally.bytes = OutcomeEnded, 0
	m.event(ctx, Event{Kind: EventLoggedOut, ID: id, Owner: s.at.owner})
	return nil
}
