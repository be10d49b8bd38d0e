package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// An Info describes a stored session to administrators and to its owner.
type Info struct {
	ID      ID     `json:"id"`              // public, for [Manager.Revoke]
	Version uint64 `json:"version"`         // how often it was written
	Owner   string `json:"owner,omitempty"` // "" while anonymous
	Client  Client `json:"client"`          // where it was last written from

	CreatedAt       time.Time `json:"created_at"`                // of the record; a login does not change it
	LastActivity    time.Time `json:"last_activity"`             // lags behind the last use by at most Config.TouchEvery
	ExpiresAt       time.Time `json:"expires_at"`                // unless it is used again
	AuthenticatedAt time.Time `json:"authenticated_at,omitzero"` // of the last Login; zero if there was none

	Bytes int `json:"bytes"` // of the document

	doc     []byte
	history []byte
}

// Document returns a copy of the session's data as JSON text.
func (i Info) Document() []byte { return slices.Clone(dotpath.Unique(i.doc)) }

// History returns the last commits of the session, the oldest first. It is empty if
// [Config].History was off when they were stored.
func (i Info) History() []HistoryEntry {
	var all []HistoryEntry
	for _, text := range historyEntries(i.history) {
		var e HistoryEntry
		if json.Unmarshal(text, &e) == nil {
			all = append(all, e)
		}
	}
	return all
}

// Format writes the fields of i without the session's data, for every verb.
func (i Info) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "session %v {version %d, owner %q, client %+v, created %v, active %v, expires %v, authenticated %v, %d bytes}",
		i.ID, i.Version, i.Owner, i.Client, i.CreatedAt, i.LastActivity, i.ExpiresAt, i.AuthenticatedAt, i.Bytes)
}

// info describes a record, and reports whether the session is still alive.
func (m *Manager) info(r *Record) (i Info, live bool, err error) {
	d := stored{rec: *r}
	err = d.decode()
	if err == nil {
		m.cfg.shorten(r, &d.draft, m.cfg.Now())
	}
	i = Info{
		ID: r.ID, Version: r.Version, Owner: r.Owner, Client: r.Client,
		CreatedAt: r.CreatedAt, LastActivity: r.LastActivity, ExpiresAt: r.ExpiresAt,
	}
	live = m.cfg.Now().Before(r.ExpiresAt) && (err != nil || m.cfg.ours(&d.draft))
	if err != nil {
		return i, live, errorf(ErrCorrupt, "stored record %s does not decode: %s", r.ID, detail(err))
	}
	if d.authAt != 0 {
		i.AuthenticatedAt = time.Unix(0, d.authAt).UTC()
	}
	i.Bytes, i.doc = d.doc.Len(), d.doc.Text()
	i.history = d.history
	return i, live, nil
}

// List yields the sessions of an owner that have not expired, in no particular order.
// An empty owner is an error, because a page of "your sessions" must not list other
// people's sessions to a visitor who is not signed in. If the data of a session does not
// decode, List yields the session with an error that matches [ErrCorrupt], and continues.
// Any other error ends the sequence. LastActivity may lag behind by [Config].TouchEvery.
//
// List, Info, Revoke and RevokeOwner work on all sessions in the store, even if managers
// with other cookie names share it; [Config].Application separates programs.
func (m *Manager) List(ctx context.Context, owner string) iter.Seq2[Info, error] {
	if owner == "" {
		return func(yield func(Info, error) bool) { yield(Info{}, errNoOwner) }
	}
	return m.infos(ctx, ListOwner(ctx, m.store, owner))
}

// ListAll is like [Manager.List], for the sessions of all owners and for anonymous ones.
func (m *Manager) ListAll(ctx context.Context) iter.Seq2[Info, error] {
	return m.infos(ctx, List(ctx, m.store))
}

var errNoOwner = errors.New("session: the owner is empty, which would mean all anonymous sessions; pass the owner given to Login")

func (m *Manager) infos(ctx context.Context, records iter.Seq2[Record, error]) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if m.closed.Load() {
			yield(Info{}, ErrClosed)
			return
		}
		for r, err := range records {
			if err != nil {
				yield(Info{}, storeError("list", ID{}, err))
				return
			}
			if i, live, err := m.info(&r); live && !yield(i, err) {
				return
			}
		}
	}
}

// Info returns one session that has not expired, or an error that matches
// [ErrNotFound]. It does not check who asks: before you show a session to a user, check
// [Info].Owner.
func (m *Manager) Info(ctx context.Context, id ID) (Info, error) {
	if m.closed.Load() {
		return Info{}, ErrClosed
	}
	r, err := m.store.Load(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Info{}, storeError("load", id, err)
	}
	if err == nil {
		if i, live, err := m.info(&r); live {
			return i, err
		}
	}
	return Info{}, errorf(ErrNotFound, "no session %s", id)
}

// Revoke ends a session. Its client is anonymous from the next request on, and requests that
// are under way can no longer store anything in it. If there is no such session, Revoke
// returns nil.
//
// If ctx belongs to a request that uses this session, Revoke acts on that request like
// [Session.Invalidate]: what the request writes afterwards, such as a flash message, belongs
// to a new session. This also holds for [Manager.RevokeOwner].
func (m *Manager) Revoke(ctx context.Context, id ID) error {
	if m.closed.Load() {
		return ErrClosed
	}
	if err := m.store.Delete(ctx, id); err != nil {
		return storeError("delete", id, err)
	}
	m.queuesOf(id).forget(id)
	m.ended(ctx, id)
	m.revoked(ctx, id, "")
	return nil
}

// revoked sends the event of a session that was ended, and ends it for its own request.
func (m *Manager) revoked(ctx context.Context, id ID, owner string) {
	m.event(ctx, Event{Kind: EventRevoked, ID: id, Owner: owner})
	var s *Session
	switch v := ctx.Value(ownKey{m}).(type) {
	case *exchange:
		s, _ = v.loaded()
	case *Session:
		s = v
	}
	if s != nil && s.goesOnWith(id) {
		s.Invalidate()
	}
}

// RevokeOwner ends all sessions of an owner, except those with the IDs in keep, and returns
// how many it ended. It ends a session only if it still belongs to the owner at that moment.
// If the error is nil, all sessions that were stored before the call have ended.
//
// To log out everywhere, leave out keep; [Manager.Revoke] says what the request itself can
// still store. After a password change, keep the ID of the current session (OWASP ASVS
// 7.4.3). A sign-in that has checked the old password may be stored after RevokeOwner has
// listed the sessions; see [OnlyIf].
func (m *Manager) RevokeOwner(ctx context.Context, owner string, keep ...ID) (int, error) {
	if m.closed.Load() {
		return 0, ErrClosed
	}
	if owner == "" {
		return 0, errNoOwner
	}
	n := 0
	for some, err := range m.owned(ctx, owner, keep) {
		if err != nil {
			return n, storeError("list", ID{}, err)
		}
		ended, err := m.endAll(ctx, owner, some)
		for i, u := range some {
			if !ended[i] {
				continue
			}
			m.revoked(ctx, u.id, owner)
			if u.live {
				n++
			}
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// An ownedSession is one that RevokeOwner has found.
type ownedSession struct {
	id   ID
	live bool
}

// manyAtOnce is how many sessions RevokeOwner lists before it ends them.
const manyAtOnce = 1000

// owned yields the sessions of an owner except those to keep, many at a time. An error comes
// after what precedes it.
func (m *Manager) owned(ctx context.Context, owner string, keep []ID) iter.Seq2[[]ownedSession, error] {
	return func(yield func([]ownedSession, error) bool) {
		var some []ownedSession
		for r, err := range ListOwner(ctx, m.store, owner) {
			if err == nil && !slices.Contains(keep, r.ID) {
				if at, live := m.living(&r); m.cfg.ours(&at.draft) {
					some = append(some, ownedSession{r.ID, live})
				}
			}
			if len(some) == manyAtOnce || err != nil && len(some) > 0 {
				if !yield(some, nil) {
					return
				}
				some = nil
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		if len(some) > 0 {
			yield(some, nil)
		}
	}
}

// endAll ends those of the sessions that still belong to the owner.
func (m *Manager) endAll(ctx context.Context, owner string, some []ownedSession) (ended []bool, err error) {
	d, ok := Capability[OwnerDeleter](m.store)
	if !ok {
		return m.endEach(ctx, owner, some)
	}
	ids := make([]ID, len(some))
	for i, u := range some {
		ids[i] = u.id
	}
	ended = make([]bool, len(some))
	n, err := d.DeleteOwned(ctx, owner, ids)
	answers := true // the store does
	for i, id := range ids {
		m.queuesOf(id).forget(id)
		if ended[i] = n == len(ids); ended[i] || !answers {
			continue
		}
		// Some have ended before, belong to somebody else, or could not be deleted.
		_, lerr := m.store.Load(ctx, id)
		ended[i] = errors.Is(lerr, ErrNotFound)
		answers = lerr == nil || ended[i]
	}
	m.ended(ctx, those(ids, ended)...)
	if err != nil {
		err = storeError("delete", ID{}, err)
	}
	return ended, err
}

// those returns the IDs of the sessions that have ended.
func those(ids []ID, ended []bool) (some []ID) {
	for i, id := range ids {
		if ended[i] {
			some = append(some, id)
		}
	}
	return some
}

// endEach is endAll for a store that cannot delete under a condition.
func (m *Manager) endEach(ctx context.Context, owner string, some []ownedSession) (ended []bool, err error) {
	ended = make([]bool, len(some))
	errs := make([]error, len(some))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(atOnce, len(some)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(some)); i = next.Add(1) - 1 {
				var limited deadlineContext
				limited.init(ctx, m.cfg.StoreTimeout)
				ended[i], errs[i] = m.end(&limited, some[i].id, func(at *stored, _ bool) bool { return at.rec.Owner == owner })
				limited.release()
			}
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return ended, storeError("update", some[i].id, err)
		}
	}
	return ended, nil
}
