package storecheck

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// mem is a correct store, on which the faulty ones are built.
type mem struct {
	mu sync.Mutex
	m  map[session.ID]session.Record

	listeners map[*earshot]bool
}

// An earshot is one call of Listen.
type earshot struct{ heard chan session.ID }

func newMem() *mem {
	return &mem{m: map[session.ID]session.Record{}, listeners: map[*earshot]bool{}}
}

func (m *mem) Stat(ctx context.Context, ids []session.ID) (all []session.Status, err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, id := range ids {
		if r, ok := m.get(id); ok {
			all = append(all, session.Status{ID: id, Version: r.Version, LastActivity: r.LastActivity, ExpiresAt: r.ExpiresAt})
		}
	}
	return all, nil
}

func (m *mem) Broadcast(_ context.Context, ids []session.ID) error {
	for _, l := range m.all() {
		l.hear(ids)
	}
	return nil
}

// all returns those who listen.
func (m *mem) all() []*earshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.listeners))
}

func (e *earshot) hear(ids []session.ID) {
	for _, id := range ids {
		select {
		case e.heard <- id:
		default: // a slow one misses some
		}
	}
}

func (m *mem) Listen(ctx context.Context, heard func(session.ID)) error {
	e := &earshot{make(chan session.ID, 10_000)}
	m.mu.Lock()
	m.listeners[e] = true
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.listeners, e)
	}()
	heard(session.ID{})
	for {
		select {
		case id := <-e.heard:
			heard(id)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m *mem) Load(_ context.Context, id session.ID) (session.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.m[id]
	if !ok {
		return session.Record{}, session.ErrNotFound
	}
	return clone(r), nil
}

func (m *mem) View(ctx context.Context, id session.ID) (session.Record, error) {
	return m.Load(ctx, id)
}

func (m *mem) Create(_ context.Context, r session.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.m[r.ID]; ok {
		return session.ErrConflict
	}
	r.Version = 1
	m.m[r.ID] = clone(r)
	return nil
}

func (m *mem) Import(_ context.Context, r session.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.m[r.ID]; ok {
		return session.ErrConflict
	}
	m.m[r.ID] = clone(r)
	return nil
}

func (m *mem) Update(_ context.Context, r session.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, ok := m.m[r.ID]
	if !ok {
		return session.ErrNotFound
	}
	if old.Version != r.Version {
		return session.ErrConflict
	}
	r.Version++
	m.m[r.ID] = clone(r)
	return nil
}

func (m *mem) Delete(_ context.Context, id session.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.m, id)
	return nil
}

func (m *mem) Touch(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.m[id]
	if !ok {
		return nil
	}
	if lastActivity.After(r.LastActivity) {
		r.LastActivity = lastActivity
	}
	if expires.After(r.ExpiresAt) {
		r.ExpiresAt = expires
	}
	m.m[id] = r
	return nil
}

func (m *mem) Prune(_ context.Context, before time.Time, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, r := range m.m {
		if n < limit && r.ExpiresAt.Before(before) {
			delete(m.m, id)
			n++
		}
	}
	return n, nil
}

func (m *mem) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return m.list(ctx, func(session.Record) bool { return true })
}

func (m *mem) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return m.list(ctx, func(r session.Record) bool { return r.Owner == owner })
}

func (m *mem) DeleteOwned(_ context.Context, owner string, ids []session.ID) (int, error) {
	return m.deleteIf(ids, func(r session.Record) bool { return r.Owner == owner }), nil
}

func (m *mem) deleteIf(ids []session.ID, is func(session.Record) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		if r, ok := m.m[id]; ok && is(r) {
			delete(m.m, id)
			n++
		}
	}
	return n
}

func (m *mem) list(ctx context.Context, member func(session.Record) bool) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for _, id := range m.ids() {
			if ctx.Err() != nil {
				yield(session.Record{}, ctx.Err())
				return
			}
			r, err := m.Load(ctx, id)
			if err == nil && member(r) && !yield(r, nil) {
				return
			}
		}
	}
}

// ids returns the IDs in order, so that the tests are reproducible.
func (m *mem) ids() []session.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Keys(m.m), func(a, b session.ID) int { return bytes.Compare(a[:], b[:]) })
}

// reopen returns another handle of the same data.
func (m *mem) reopen(context.Context, session.Store) (session.Store, error) { return m, nil }
