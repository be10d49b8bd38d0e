package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/expanse-go/session/internal/backoff"
	"github.com/expanse-go/session/internal/dotpath"
)

// commitFresh ends the session that Invalidate was called on, and creates a record if
// there is something to keep.
func (m *Manager) commitFresh(ctx context.Context, s *Session) (cookie *http.Cookie, err error) {
	if err := s.barred(); err != nil {
		if s.stores() {
			m.event(ctx, Event{Kind: EventNotCreated, Err: err})
			m.advise(ctx, err.Error())
		}
		s.pending, s.mixed = nil, true // the request sees what it has written
		return nil, nil
	}
	// Other goroutines of the request may write while the session is unlocked.
	todo := s.pending
	ops, end := len(todo.ops), todo.end
	todo.rotate = false // a new record has a new token in any case
	if end {
		if err := m.logout(ctx, s, todo.spent); err != nil {
			return nil, err
		}
		cookie = m.cfg.cookie(s.scope, "", s.now, time.Time{}, time.Time{})
		s.at, s.cred, s.shown = nothing, credential{}, nil
		if s.pending != nil {
			s.pending.end = false
		}
	}
	var next draft
	var failed error
	if s.pending == todo && todo.err == nil { // after the logout, because an Update function may panic
		if next, failed = s.applyToEmpty(todo.ops[:ops:ops]); failed == nil {
			failed = m.cfg.checkSize(&next, 0)
		}
	}
	switch {
	case s.pending != todo: // by Rollback or Invalidate: next is no longer wanted
		s.mixed = true // the request may still see what has just ended
		return cookie, s.failure()
	case todo.err != nil:
		return cookie, todo.err
	case failed != nil:
		return cookie, failed
	case next.doc.Len() == len(emptyDoc) && next.owner == "":
		return cookie, nil
	}
	return m.create(ctx, s, next, ops)
}

// applyToEmpty applies ops to an empty document. It unlocks the session meanwhile, because an
// Update function may read it.
func (s *Session) applyToEmpty(ops []op) (draft, error) {
	if !s.mixed && len(ops) == len(s.pending.ops) {
		d := *s.now
		d.doc.Freeze()
		return d, nil
	}
	id := s.commitID()
	s.mu.Unlock()
	defer s.mu.Lock()
	d := draft{doc: dotpath.NewDoc(emptyDoc)}
	err := d.applyAll(ops, id)
	return d, err
}

// create stores a new record for the first ops of the pending changes, and makes it the
// session's.
func (m *Manager) create(ctx context.Context, s *Session, d draft, ops int) (*http.Cookie, error) {
	if s.phase != open {
		return nil, ErrCommitted
	}
	rec, sec, err := m.insert(ctx, s, &d, s.pending.ops[:ops])
	if err != nil {
		return nil, err
	}
	m.logChanges(ctx, s, rec.ID, s.pending.ops[:ops])
	return s.adopt(rec, d, &sec, s.pending.rest(ops, s.pending.rotate)), nil
}

// adopt makes a new record that of the session, and returns its cookie.
func (s *Session) adopt(rec Record, d draft, sec *secret, rest *pending) *http.Cookie {
	s.committed(&stored{rec, d}, rest)
	s.cred = credential{newToken(rec.ID, sec), d.digest, current}
	return s.m.cfg.cookie(s.scope, s.cred.token, &d, rec.CreatedAt, rec.CreatedAt)
}

// insert stores a new record, the result of the ops. If there is one of the same ID, either this very commit has
// made it and the answer was lost, or the IDs collide, and insert takes another one. After an
// error, the next commit tries the same ID again and replaces what an earlier try has stored
// there, so that no second record is left behind.
func (m *Manager) insert(ctx context.Context, s *Session, d *draft, ops []op) (Record, secret, error) {
	todo := s.pending
	rec, sec := m.newRecord(s, d, ops, todo.newID)
	todo.newID = rec.ID
	s.tally.called = true
	for try := 0; ; try++ {
		err := m.store.Create(ctx, rec)
		collision := false
		if err != nil {
			there, lerr := m.store.Load(ctx, rec.ID)
			switch {
			case lerr == nil && string(there.Data) == string(rec.Data):
				rec.Version, err = there.Version, nil
			case lerr == nil && s.made(there):
				rec.Version = there.Version
				if err = m.store.Update(ctx, rec); err == nil {
					rec.Version++
				}
			case lerr == nil:
				collision = true
			}
		}
		switch {
		case err == nil:
			m.startSweeper()
			s.tally.outcome, s.tally.bytes, s.tally.batch = OutcomeCreated, d.doc.Len(), 1
			m.event(ctx, Event{Kind: EventCreated, ID: rec.ID, Owner: d.owner})
			return rec, sec, nil
		case errors.Is(err, ErrFull), try >= maxTries, !collision && !backoff.Pause(ctx, try):
			err = storeError("create", rec.ID, err)
			m.cfg.logStoreFailure(ctx, err)
			return rec, sec, err
		case collision:
			rec, sec = m.newRecord(s, d, ops, randomID())
		}
	}
}

// made reports whether a record was made by an earlier try of this commit.
func (s *Session) made(r Record) bool {
	at := stored{rec: r}
	return at.decode() == nil && at.remembers(s.commitID())
}

// newRecord makes the record of a draft, which is the result of the ops, and the secret of its
// token.
func (m *Manager) newRecord(s *Session, d *draft, ops []op, id ID) (Record, secret) {
	if id.IsZero() {
		id = randomID()
	}
	sec, now := randomSecret(), m.cfg.Now().UTC()
	d.digest, d.rotatedAt = s.scope.digestOf(id, &sec), now.UnixNano()
	d.ring, d.app, d.keptUntil = nil, nil, m.cfg.keptUntil(d, now, now)
	if m.cfg.Application != "" {
		d.app = []byte(m.cfg.Application)
	}
	if m.cfg.History > 0 {
		d.history = m.cfg.remember(nil, 1, now, requestName(s.request, s.routed), ops, false)
	}
	return Record{
		ID: id, Version: 1, Owner: d.owner, Client: s.client(),
		CreatedAt: now, LastActivity: now, ExpiresAt: m.cfg.expires(d, now, now).UTC(),
		Data: d.encode(d.doc.Text(), s.commitID()),
	}, sec
}
