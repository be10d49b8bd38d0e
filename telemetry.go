package session

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// begin returns when an operation begins, for the event at its end. Without a hook nobody
// asks, and the clock is not read.
func (m *Manager) begin() (began time.Time) {
	if m.cfg.OnEvent != nil {
		began = time.Now()
	}
	return began
}

// ends sends the event at the end of an operation.
func (m *Manager) ends(ctx context.Context, began time.Time, op Op, outcome Outcome, e Event) {
	if m.cfg.OnEvent == nil {
		return
	}
	e.Op, e.Outcome, e.Duration = op, outcome, time.Since(began)
	m.event(ctx, e)
}

// committed sends the event at the end of a commit that has called the store. Before it, the
// session was stored as before. The caller holds the lock of the session.
func (m *Manager) committed(ctx context.Context, s *Session, before *stored, began time.Time, err error) {
	t := &s.tally
	if m.cfg.OnEvent == nil || !t.called {
		return
	}
	outcome, e := t.outcome, Event{
		Kind: EventCommitted, ID: before.rec.ID, Owner: before.owner, Err: err,
		Bytes: t.bytes, Batch: t.batch, Replays: t.replays, Winner: t.winner,
	}
	if e.Err == nil {
		e.Err = t.err
	}
	switch {
	case e.Err == nil:
		if s.at != nothing {
			e.ID, e.Owner = s.at.rec.ID, s.at.rec.Owner
		}
	case errors.Is(e.Err, ErrConflict):
		e.Kind, outcome = EventConflict, OutcomeConflict
	case errors.Is(e.Err, ErrEnded):
		e.Kind, outcome = EventDropped, OutcomeDropped
	default:
		e.Kind, outcome = EventFailed, OutcomeFailed
	}
	if e.ID.IsZero() && s.pending != nil {
		e.ID = s.pending.newID
	}
	m.ends(ctx, began, OpCommit, outcome, e)
}

// logChanges logs what a request has stored.
func (m *Manager) logChanges(ctx context.Context, s *Session, id ID, ops []op) {
	if !m.cfg.DangerouslyLogChanges {
		return
	}
	request := requestName(s.request, s.routed)
	for i := range ops {
		if n := ops[i].note; n != nil {
			m.cfg.log(ctx, slog.LevelInfo, "session: a request has changed a value", logID(id), slog.String("request", request),
				slog.String("change", ops[i].kind.String()), slog.String("path", ops[i].path),
				slog.String("old", n.old), slog.String("new", n.new), slog.String("at", n.at))
		}
	}
}
