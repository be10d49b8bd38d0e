package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// commit stores what a request has changed. Which store call that takes, if any,
// follows from the state of the session:
//
//	nothing changed           none, or a Touch when it is due
//	a record, and changes     Update (combine.go)
//	no record, and data       Create
//	Invalidate                Delete, then Create if there is data
//
// The caller's context gives its values, not its end.
func (m *Manager) commit(parent context.Context, s *Session, u usage) (cookie *http.Cookie, err error) {
	s.committing.Lock()
	defer s.committing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil && !(s.dead && errors.Is(s.err, ErrCommitted)) { // a logout is never too late
		return nil, s.err
	}
	now := m.cfg.Now()
	if m.closed.Load() && s.changed() {
		return nil, ErrClosed
	}
	if m.discard || !s.changed() && (s.fresh() || !m.pending(s, u, now)) {
		return nil, nil
	}
	var ctx deadlineContext
	ctx.init(parent, m.cfg.StoreTimeout)
	ctx.detached = true
	defer ctx.release()
	login := m.cfg.MaxPerOwner > 0 && s.logsIn()
	switch {
	case s.ended:
		m.event(&ctx, Event{Kind: EventDropped, Err: ErrEnded})
		return nil, ErrEnded
	case s.fresh():
		cookie, err = m.commitFresh(&ctx, s)
	default:
		cookie, err = m.commitStored(&ctx, s, u, now)
	}
	if login && err == nil && s.at != nothing {
		m.limitOwner(&ctx, s)
	}
	return cookie, err
}

// changed reports whether the request asked for a change.
func (s *Session) changed() bool { return len(s.ops) > 0 || s.rotating || s.dead }

// pending reports whether a stored session needs what no request asks for: to
// lose a flash message, to get its periodic token, or to be touched.
func (m *Manager) pending(s *Session, u usage, now time.Time) bool {
	return m.touchDue(s, now) || m.rotationDue(s, now) || len(s.shown) > 0 && len(s.usedUp(u)) > 0
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

// logout ends a stored session. A bare Delete would let a request that was under
// way with an old token end the session of the login that has replaced it. So the
// record is first updated to an ended one, under its version and only by a token
// that it admits; what is then left to delete can come back by no means. It is no
// error if somebody else has deleted the record before.
func (m *Manager) logout(ctx context.Context, s *Session) error {
	id := s.at.rec.ID
	p := &patch{id: s.commitID(), user: true, ends: true, presented: s.presented, at: s.at, began: m.cfg.Now()}
	m.combineUnlocked(ctx, s, p)
	if !p.stored && !errors.Is(p.err, errGone) {
		return m.updateFailed(ctx, s, p)
	}
	for try := 0; ; try++ {
		err := m.store.Delete(ctx, id)
		if err == nil {
			break
		}
		if try >= maxTries || !pause(ctx, try) {
			_ = m.storeFailed(ctx, "delete", id, err) // it has ended all the same, and a sweep will take it
			break
		}
	}
	m.line(id).forget(id)
	m.event(ctx, Event{Kind: EventLoggedOut, ID: id, Owner: s.at.owner})
	return nil
}

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

// committed makes a stored record the state that later changes build on.
func (s *Session) committed(at *stored) {
	s.at = at
	s.ops, s.shown, s.read, s.cid, s.rotating, s.newID = nil, nil, nil, 0, false, ID{}
	s.tried = nil
	if len(s.nows) > 0 {
		s.merged = true
	}
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

func (m *Manager) storeFailed(ctx context.Context, op string, id ID, err error) error {
	err = storeError(op, id, err)
	m.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "session: store failed", slog.Any("error", err))
	m.event(ctx, Event{Kind: EventFailed, ID: id, Err: err})
	return err
}

// checkSize refuses a document above the limit, unless it is an old one that has
// become smaller.
func (m *Manager) checkSize(d *draft, old []byte) error {
	if m.cfg.MaxBytes < 0 || len(d.doc) <= max(m.cfg.MaxBytes, len(old)-1) {
		return nil
	}
	type size struct {
		key string
		n   int
	}
	var sizes []size
	for k, v := range dotpath.Members(d.doc) {
		sizes = append(sizes, size{k, len(v)})
	}
	slices.SortFunc(sizes, func(a, b size) int { return b.n - a.n })
	var big []string
	for _, s := range sizes[:min(3, len(sizes))] {
		big = append(big, fmt.Sprintf("%q (%d bytes)", s.key, s.n))
	}
	return fmt.Errorf("session: %d bytes, above Config.MaxBytes (%d); the biggest values: %s: %w", len(d.doc), m.cfg.MaxBytes, strings.Join(big, ", "), ErrTooLarge)
}
