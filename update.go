package session

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
)

// commitPatch updates a record, or touches it.
func (m *Manager) commitPatch(ctx context.Context, s *Session, u usage, now time.Time) (*http.Cookie, error) {
	a, used := attempt{ops: len(s.ops)}, s.usedUp(u)
	before, epoch, tried, asked := s.at, s.epoch, s.tried, s.rotating
	switch {
	case tried != nil:
		a = *tried
	case s.rotating && s.sealed: // asked for while the commit before was under way
		return nil, ErrCommitted
	case s.rotating:
		a.rotation, a.sec = privilege, randomSecret()
	case m.rotationDue(s, now):
		a.rotation, a.sec = periodic, randomSecret()
	}
	if a.ops+len(used) == 0 && a.rotation == 0 {
		m.touch(ctx, s, now)
		return nil, nil
	}
	p := m.newPatch(s, &a, used)
	p.began = now
	s.rotating = false
	m.combineUnlocked(ctx, s, p)
	if !p.stored {
		if epoch == s.epoch { // else Rollback has dropped all
			s.rotating = s.rotating || asked
			s.tried = a.open(p)
		}
		return nil, m.updateFailed(ctx, s, p)
	}
	again := s.rotating // asked for meanwhile, as late is
	late := s.ops       // what other goroutines of the request wrote meanwhile
	if epoch == s.epoch {
		late = slices.Clone(late[a.ops:])
		again = again || tried != nil && asked && (a.rotation != privilege || slices.ContainsFunc(late, isLogin))
	} else {
		s.merged = true // Rollback went back behind what is stored now
	}
	s.committed(p.at)
	s.ops, s.rotating = late, again
	if len(p.ops) > a.ops {
		s.merged = true // the request goes on seeing the messages that it has used up
	}
	if p.replayed {
		s.merged = true
		m.event(ctx, Event{Kind: EventReplayed, ID: p.at.rec.ID, Owner: p.at.rec.Owner})
	}
	if p.rotated {
		s.presented, s.token = p.digest, newToken(p.at.rec.ID, &a.sec)
		m.event(ctx, Event{Kind: EventRotated, ID: p.at.rec.ID, Owner: p.at.rec.Owner})
	}
	// The token in hand is sent again only while it is the current one: another
	// request may have got its successor meanwhile.
	lasts := before.persist != s.at.persist || before.absolute != s.at.absolute
	if p.rotated || lasts && s.at.digest.equal(&s.presented) {
		return m.cfg.cookie(s.token, &s.at.draft, p.at.rec.CreatedAt, now), nil
	}
	return nil, nil
}

// newPatch makes the patch of an attempt, and of the flash messages that are used up.
func (m *Manager) newPatch(s *Session, a *attempt, used []op) *patch {
	p := &patch{
		ops: append(slices.Clip(s.ops[:a.ops]), used...), id: s.commitID(), again: a.under,
		user: s.changed(), passive: s.still(), presented: s.presented, client: s.client(),
		at: s.at, rotation: a.rotation,
	}
	if p.rotation != 0 {
		p.digest = m.cfg.digestOf(s.at.rec.ID, &a.sec)
	}
	if len(s.nows) > 0 || s.merged || a.ops < len(s.ops) {
		return p
	}
	p.result, s.own = s.now, false
	if len(used) > 0 {
		d := *s.now
		for i := range used {
			_ = d.apply(&used[i], p.id) // a consume, which cannot fail
		}
		p.result = &d
	}
	return p
}

// combineUnlocked lets go of the session, because an Update function may read it,
// and takes it again even if that function panics.
func (m *Manager) combineUnlocked(ctx context.Context, s *Session, p *patch) {
	s.mu.Unlock()
	defer s.mu.Lock()
	m.combine(ctx, p)
}

// updateFailed sorts out what a failed update means. What the request did not ask
// for fails no response.
func (m *Manager) updateFailed(ctx context.Context, s *Session, p *patch) error {
	err, kind := p.err, EventFailed
	if err == nil {
		err = errNotStored
	}
	if errors.Is(err, ErrEnded) {
		kind = EventDropped
	}
	if !p.user {
		if kind == EventFailed {
			m.event(ctx, Event{Kind: kind, ID: s.at.rec.ID, Owner: s.at.owner, Err: err})
		}
		return nil
	}
	m.event(ctx, Event{Kind: kind, ID: s.at.rec.ID, Owner: s.at.owner, Err: err})
	return err
}

// touch prolongs the session. It fails no response.
func (m *Manager) touch(ctx context.Context, s *Session, now time.Time) {
	at := *s.at
	expires := m.cfg.expires(&at.draft, at.rec.CreatedAt, now).UTC()
	if err := Touch(ctx, m.store, at.rec.ID, now.UTC(), expires); err != nil {
		s.untouchable = true // one attempt a request: the store may be slow to fail
		_ = m.storeFailed(ctx, "touch", at.rec.ID, err)
		return
	}
	at.rec.LastActivity, at.rec.ExpiresAt = now.UTC(), later(at.rec.ExpiresAt, expires)
	s.at = &at
}

// open returns the attempt as it is to be made again, or nil if it is known that nothing
// of the patch is stored.
func (a attempt) open(p *patch) *attempt {
	if !p.user || !errors.As(p.err, new(*StoreError)) {
		return nil
	}
	a.under = cmp.Or(p.again, p.under, p.id) // in company, it was stored under one id for all
	return &a
}

// commitStored commits to a record; first the attempt before, if its outcome is open.
func (m *Manager) commitStored(ctx context.Context, s *Session, u usage, now time.Time) (*http.Cookie, error) {
	tried := s.tried
	cookie, err := m.commitPatch(ctx, s, u, now)
	if err != nil || tried == nil || !s.changed() || s.dead {
		return cookie, err
	}
	next, err := m.commitPatch(ctx, s, usesNone, m.cfg.Now()) // the one before may have taken long
	return cmp.Or(next, cookie), err
}
