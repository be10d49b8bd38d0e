package session

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// An Info describes a stored session to administrators and to its owner.
type Info struct {
	ID      ID     `json:"id"`              // public, for [Manager.Revoke]
	Version uint64 `json:"version"`         // how often it was written
	Owner   string `json:"owner,omitempty"` // "" while anonymous
	Client  Client `json:"client"`          // where it was last written from

	CreatedAt       time.Time `json:"created_at"`                // of the record; a login does not change it
	LastActivity    time.Time `json:"last_activity"`             // at most Config.TouchEvery ago when it was last used
	ExpiresAt       time.Time `json:"expires_at"`                // unless it is used again
	AuthenticatedAt time.Time `json:"authenticated_at,omitzero"` // of the last Login; zero if there was none

	Bytes int `json:"bytes"` // of the document

	doc []byte
}

// Document returns a copy of the session's data as JSON text.
func (i Info) Document() []byte { return slices.Clone(i.doc) }

// info describes a record, and reports whether the session is still alive.
func (m *Manager) info(r *Record) (i Info, live bool, err error) {
	d := stored{rec: *r}
	err = d.decode()
	if err == nil {
		m.cfg.shorten(r, &d.draft)
	}
	i = Info{
		ID: r.ID, Version: r.Version, Owner: r.Owner, Client: r.Client,
		CreatedAt: r.CreatedAt, LastActivity: r.LastActivity, ExpiresAt: r.ExpiresAt,
	}
	live = m.cfg.Now().Before(r.ExpiresAt)
	if err != nil {
		return i, live, errorf(ErrCorrupt, "stored record %s does not decode: %s", r.ID, detail(err))
	}
	if d.authAt != 0 {
		i.AuthenticatedAt = time.Unix(0, d.authAt).UTC()
	}
	i.Bytes, i.doc = d.doc.Len(), d.doc.Text()
	return i, live, nil
}

// List yields the sessions of an owner that have not expired, in no particular order.
// An empty owner is an error: a page "your sessions" must not show everybody's to a
// visitor who is not signed in. If the data of a session does not decode, List yields it
// with an error that matches [ErrCorrupt], and continues. Any other error ends the
// sequence. LastActivity may lag behind by [Config].TouchEvery.
//
// List, Info, Revoke and RevokeOwner work on all sessions in the store, even if managers
// with other cookie names share it.
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
// [ErrNotFound]. It does not check who asks: before you show a session to its owner,
// compare [Info].Owner.
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

// Revoke ends a session. Its client is anonymous from the next request on, and a request
// that is under way can store nothing. It is not an error if there is no such session.
func (m *Manager) Revoke(ctx context.Context, id ID) error {
	if m.closed.Load() {
		return ErrClosed
	}
	if err := m.store.Delete(ctx, id); err != nil {
		return storeError("delete", id, err)
	}
	m.queuesOf(id).forget(id)
	m.event(ctx, Event{Kind: EventRevoked, ID: id})
	return nil
}

// RevokeOwner ends all sessions of an owner except those to keep, and returns how many
// it ended. Call it after a password has changed, and keep the ID of the current session
// (OWASP ASVS 7.4.3).
func (m *Manager) RevokeOwner(ctx context.Context, owner string, keep ...ID) (int, error) {
	if m.closed.Load() {
		return 0, ErrClosed
	}
	if owner == "" {
		return 0, errNoOwner
	}
	n := 0
	for r, err := range ListOwner(ctx, m.store, owner) {
		if err != nil {
			return n, storeError("list", ID{}, err)
		}
		if slices.Contains(keep, r.ID) {
			continue
		}
		if err := m.Revoke(ctx, r.ID); err != nil {
			return n, err
		}
		if _, live, _ := m.info(&r); live {
			n++
		}
	}
	return n, nil
}
