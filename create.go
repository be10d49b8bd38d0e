package session

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// commitFresh deletes what Invalidate left behind, and creates a record if there
// is something to keep.
func (m *Manager) commitFresh(ctx context.Context, s *Session) (*http.Cookie, error) {
	// Other goroutines of the request may write while the lock is let go of.
	ops, epoch, dead := slices.Clip(s.ops), s.epoch, s.dead
	s.rotating = false // a new record has a new token in any case
	next, err := s.replay(ops)
	if err == nil {
		err = m.cfg.checkSize(&next, nil)
	}
	if err != nil {
		return nil, err
	}
	var cookie *http.Cookie
	if dead {
		if err := m.logout(ctx, s); err != nil {
			return nil, err
		}
		cookie = m.cfg.cookie("", s.now, time.Time{}, time.Time{})
		s.dead, s.at, s.shown = false, nothing, nil
	}
	switch {
	case epoch != s.epoch: // Rollback or Invalidate: nobody wants next any more
		s.merged = true // now may be what has just ended
		return cookie, s.err
	case s.err != nil:
		return cookie, s.err
	case len(next.doc) == len(emptyDoc) && next.owner == "":
		return cookie, nil
	}
	late, again := slices.Clone(s.ops[len(ops):]), s.rotating
	cookie, err = m.create(ctx, s, next)
	if err == nil {
		s.ops, s.rotating = late, again
	}
	return cookie, err
}

// replay applies ops to nothing. It lets go of the session, because an Update
// function may read it.
func (s *Session) replay(ops []op) (draft, error) {
	if len(s.nows) == 0 && !s.merged {
		return *s.now, nil
	}
	id := s.commitID()
	s.mu.Unlock()
	defer s.mu.Lock()
	d := draft{doc: emptyDoc}
	for i := range ops {
		if err := d.apply(&ops[i], id); err != nil {
			return d, err
		}
	}
	return d, nil
}

// create stores a new record. If one of its ID is there, it was made by this very
// commit, whose answer got lost, or it is a collision, and another ID is taken.
// After an error the same ID is tried again, and what an earlier try has made there is
// replaced, so that no second record is left behind.
func (m *Manager) create(ctx context.Context, s *Session, d draft) (*http.Cookie, error) {
	if s.sealed {
		return nil, ErrCommitted
	}
	rec, sec := m.newRecord(s, &d, s.newID)
	s.newID = rec.ID // for another commit, should this one fail
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
			s.committed(&stored{rec, d})
			s.presented, s.token, s.previous = d.digest, newToken(rec.ID, &sec), false
			m.event(ctx, Event{Kind: EventCreated, ID: rec.ID, Owner: d.owner})
			return m.cfg.cookie(s.token, &d, rec.CreatedAt, rec.CreatedAt), nil
		case errors.Is(err, ErrFull), try >= maxTries, !collision && !backoff.Pause(ctx, try):
			return nil, m.storeFailed(ctx, "create", rec.ID, err)
		case collision:
			rec, sec = m.newRecord(s, &d, randomID())
		}
	}
}

// made reports whether a record was made by an earlier try of this commit.
func (s *Session) made(r Record) bool {
	at := stored{rec: r}
	return at.decode() == nil && at.remembers(s.commitID())
}

// newRecord makes the record of a draft, and the secret of its token.
func (m *Manager) newRecord(s *Session, d *draft, id ID) (Record, secret) {
	if id.IsZero() {
		id = randomID()
	}
	sec, now := randomSecret(), m.cfg.Now().UTC()
	d.digest, d.rotatedAt = m.cfg.digestOf(id, &sec), now.UnixNano()
	d.ring = nil
	return Record{
		ID: id, Version: 1, Owner: d.owner, Client: s.client(),
		CreatedAt: now, LastActivity: now, ExpiresAt: m.cfg.expires(d, now, now).UTC(),
		Data: d.encode(d.doc, s.commitID()),
	}, sec
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
		if try >= maxTries || !backoff.Pause(ctx, try) {
			_ = m.storeFailed(ctx, "delete", id, err) // it has ended all the same, and a sweep will take it
			break
		}
	}
	m.line(id).forget(id)
	m.event(ctx, Event{Kind: EventLoggedOut, ID: id, Owner: s.at.owner})
	return nil
}
