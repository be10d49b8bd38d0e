package session

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// commitStored commits to a record. It first repeats the previous attempt, if its
// outcome is unknown.
func (m *Manager) commitStored(ctx context.Context, s *Session, u usage, now time.Time) (*http.Cookie, error) {
	repeats := s.pending != nil && s.pending.tried != nil
	cookie, err := m.commitPatch(ctx, s, u, now)
	if err != nil || !repeats || !s.changed() || s.pending.end {
		return cookie, err
	}
	next, err := m.commitPatch(ctx, s, usesNone, m.cfg.Now()) // the first one may have taken long
	return cmp.Or(next, cookie), err
}

// commitPatch updates a record, or touches it.
func (m *Manager) commitPatch(ctx context.Context, s *Session, u usage, now time.Time) (*http.Cookie, error) {
	used := s.usedUp(u)
	var a attempt
	if s.pending != nil {
		a.ops = len(s.pending.ops)
	}
	asked := s.pending != nil && s.pending.rotate
	repeats := s.pending != nil && s.pending.tried != nil
	switch {
	case repeats:
		a = *s.pending.tried
	case asked && s.phase != open: // Regenerate was called during the commit before
		return nil, ErrCommitted
	case asked:
		a.rotation, a.sec = privilege, randomSecret()
	case s.rotationDue(now):
		a.rotation, a.sec = periodic, randomSecret()
	}
	renews := s.answersByCookie() && s.cred.standing == current && m.cfg.outdated(&s.at.draft, s.at.rec.CreatedAt, now)
	if a.ops+len(used) == 0 && a.rotation == 0 && !renews {
		m.touch(ctx, s, now)
		return nil, nil
	}
	before, todo := s.at, s.change()
	p := m.newPatch(s, &a, used)
	p.began = now
	todo.rotate = false
	returned := false
	defer func() {
		if !returned { // an Update function or the store has panicked: no login without a new token
			todo.rotate = todo.rotate || asked
			todo.tried = cmp.Or(a.repeat(p), todo.tried)
		}
	}()
	s.tally.called = true
	m.combineUnlocked(ctx, s, p)
	returned = true
	s.tally.add(p)
	if p.outcome != isStored {
		todo.rotate = todo.rotate || asked
		todo.tried = a.repeat(p)
		return nil, m.updateFailed(ctx, s, p)
	}
	if s.pending != todo { // dropped by Rollback or Invalidate
		s.committed(p.at, s.pending)
		s.mixed = true // the request sees what was stored before
	} else {
		rotate := todo.rotate // Regenerate was called during the commit
		if repeats && asked {
			rotate = rotate || a.rotation != privilege || slices.ContainsFunc(todo.ops[a.ops:], needsToken)
		}
		s.committed(p.at, todo.rest(a.ops, rotate))
	}
	// The request continues to see the messages that it has used up.
	s.mixed = s.mixed || p.replayed || len(p.ops) > a.ops
	m.tell(ctx, s, p, &a.sec, now)
	// The token is sent again only while it is the current one: another request may
	// have got its successor meanwhile.
	renewed := before.keptUntil != s.at.keptUntil
	if p.rotated || renewed && s.at.digest.equal(&s.cred.digest) {
		return m.cfg.cookie(s.scope, s.cred.token, &s.at.draft, p.at.rec.CreatedAt, now), nil
	}
	return nil, nil
}

// tell sends the events of an update, notes the new token, and tells the watches.
func (m *Manager) tell(ctx context.Context, s *Session, p *patch, sec *secret, now time.Time) {
	if p.replayed {
		m.cfg.log(ctx, slog.LevelDebug, "session: commit was applied to a newer version than the request had loaded", logID(p.at.rec.ID), slog.Int("replays", p.replays))
		m.event(ctx, Event{Kind: EventReplayed, ID: p.at.rec.ID, Owner: p.at.rec.Owner})
	}
	if p.rotated {
		s.cred = credential{newToken(p.at.rec.ID, sec), p.digest, current}
		m.event(ctx, Event{Kind: EventRotated, ID: p.at.rec.ID, Owner: p.at.rec.Owner})
	}
	m.logChanges(ctx, s, p.at.rec.ID, p.ops)
	m.watchers.saw(p.at, m.cfg, now)
	if p.rotated && p.rotation == privilege {
		m.broadcast(ctx, p.at.rec.ID)
	}
}

// newPatch makes the patch of an attempt and of the flash messages that are used up.
func (m *Manager) newPatch(s *Session, a *attempt, used []op) *patch {
	todo := s.change()
	p := &patch{
		ops: append(slices.Clip(todo.ops[:a.ops]), used...), id: s.commitID(), retries: a.storedAs,
		requested: s.changed(), passive: s.quiet(), answers: s.answersByCookie(), presented: s.cred.digest, client: s.client(),
		at: s.at, rotation: a.rotation,
	}
	if p.rotation != 0 {
		p.digest = s.scope.digestOf(s.at.rec.ID, &a.sec)
	}
	if m.cfg.History > 0 {
		p.request = requestName(s.request, s.routed)
	}
	if s.mixed || a.ops < len(todo.ops) {
		return p
	}
	s.now.doc.Freeze()
	p.result, s.own, s.scanned = s.now, false, 0
	if len(used) > 0 {
		d := *s.now
		_ = d.applyAll(used, p.id) // a consume cannot fail
		p.result = &d
	}
	return p
}

// answersByCookie reports whether the response can renew the client's cookie.
func (s *Session) answersByCookie() bool { return s.phase == open && s.scope.header == "" }

// repeat returns the attempt as it has to be repeated, or nil if it is known that
// nothing of the patch is stored.
func (a attempt) repeat(p *patch) *attempt {
	if !p.requested || !errors.As(p.err, new(*StoreError)) {
		return nil
	}
	a.storedAs = cmp.Or(p.retries, p.storedAs, p.id) // a batch is stored under one id
	return &a
}

// combineUnlocked unlocks the session meanwhile, because an Update function may read
// it, and locks it again even if that function panics.
func (m *Manager) combineUnlocked(ctx context.Context, s *Session, p *patch) {
	s.mu.Unlock()
	defer s.mu.Lock()
	m.combine(ctx, p)
}

// updateFailed sorts out what a failed update means. What the request did not ask for
// fails no response.
func (m *Manager) updateFailed(ctx context.Context, s *Session, p *patch) error {
	err, ended := p.err, errors.Is(p.err, ErrEnded)
	if errors.As(err, new(*StoreError)) {
		m.cfg.logStoreFailure(ctx, err)
	}
	switch {
	case p.requested && ended && !s.beginsAnew(err):
		m.cfg.log(ctx, slog.LevelWarn, "session: changes were not stored", logID(s.at.rec.ID), logError(err))
	case !p.requested && ended:
		s.tally.outcome = OutcomeDropped
	case !p.requested:
		s.tally.err = err
	}
	if !p.requested {
		return nil
	}
	return err
}

// longRequest is how long a request has to last until it checks the stored session again
// before it touches it. No session has a timeout as short as that.
const longRequest = time.Second

// touch extends the session. It fails no response. During a long request, the session may
// have expired by limits that another request has set meanwhile; a touch by the limits of
// the request's own snapshot would bring it back to life.
func (m *Manager) touch(ctx context.Context, s *Session, now time.Time) {
	at := *s.at // other requests may share it
	id := at.rec.ID
	s.tally.called, s.tally.outcome = true, OutcomeDropped
	if now.Sub(s.loadedAt) >= longRequest {
		var err error
		if at.rec, err = m.store.Load(ctx, id); err == nil {
			at.draft = draft{}
			err = at.decode()
		}
		if errors.Is(err, ErrNotFound) {
			return
		}
		if err != nil {
			m.touchFailed(ctx, s, "load", err) // the store may be slow to fail
			return
		}
		m.cfg.shorten(&at.rec, &at.draft, now)
		if !now.Before(at.rec.ExpiresAt) {
			return
		}
	}
	expires := m.cfg.expires(&at.draft, at.rec.CreatedAt, now).UTC()
	if err := Touch(ctx, m.store, id, now.UTC(), expires); err != nil {
		m.touchFailed(ctx, s, "touch", err)
		return
	}
	touched := *s.at
	touched.rec.LastActivity, touched.rec.ExpiresAt = now.UTC(), later(at.rec.ExpiresAt, expires)
	s.at, s.tally.outcome = &touched, OutcomeTouched
}

// touchFailed notes that the session could not be extended. One attempt in a request is enough.
func (m *Manager) touchFailed(ctx context.Context, s *Session, op string, err error) {
	s.touchFailed = true
	s.tally.err = storeError(op, s.at.rec.ID, err)
	m.cfg.logStoreFailure(ctx, s.tally.err)
}
