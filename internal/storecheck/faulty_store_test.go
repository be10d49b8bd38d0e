package storecheck

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// A faulty store is a correct one with some methods replaced. The other methods are
// correct.
type faulty struct {
	*mem

	load      func(context.Context, session.ID) (session.Record, error)
	view      func(context.Context, session.ID) (session.Record, error)
	create    func(context.Context, session.Record) error
	update    func(context.Context, session.Record) error
	remove    func(context.Context, session.ID) error
	touch     func(context.Context, session.ID, time.Time, time.Time) error
	prune     func(context.Context, time.Time, int) (int, error)
	lists     func(context.Context) iter.Seq2[session.Record, error]
	listOwner func(context.Context, string) iter.Seq2[session.Record, error]
	owned     func(owner string, ids []session.ID) int
	imports   func(session.Record) error
	stat      func(context.Context, []session.ID) ([]session.Status, error)
	broadcast func([]session.ID) error
	listen    func(context.Context, func(session.ID)) error

	reopen func() session.Store // nil: the store itself
	share  func() session.Store // nil: the store itself
	alone  bool                 // the store does not claim to be shareable

	past // earlier calls, for the faults that depend on them
}

type past struct {
	mu   sync.Mutex
	ever map[session.ID]session.Record // as created
	gone map[session.ID]session.Record // as deleted or pruned
}

func newFaulty() *faulty {
	return &faulty{mem: newMem(), past: past{ever: map[session.ID]session.Record{}, gone: map[session.ID]session.Record{}}}
}

func (f *faulty) env() Env {
	e := Env{Store: f}
	e.Reopen = func(context.Context, session.Store) (session.Store, error) {
		if f.reopen != nil {
			return f.reopen(), nil
		}
		return f, nil
	}
	if !f.alone {
		e.Share = func(context.Context, session.Store) (session.Store, error) {
			if f.share != nil {
				return f.share(), nil
			}
			return f, nil
		}
	}
	return e
}

func (f *faulty) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if f.load != nil {
		return f.load(ctx, id)
	}
	return f.mem.Load(ctx, id)
}

func (f *faulty) View(ctx context.Context, id session.ID) (session.Record, error) {
	if f.view != nil {
		return f.view(ctx, id)
	}
	return f.mem.View(ctx, id)
}

func (f *faulty) Create(ctx context.Context, r session.Record) error {
	create := f.mem.Create
	if f.create != nil {
		create = f.create
	}
	err := create(ctx, r)
	if err == nil {
		f.remember(f.ever, clone(r))
	}
	return err
}

func (f *faulty) Update(ctx context.Context, r session.Record) error {
	if f.update != nil {
		return f.update(ctx, r)
	}
	return f.mem.Update(ctx, r)
}

func (f *faulty) Delete(ctx context.Context, id session.ID) error {
	if r, ok := f.get(id); ok {
		f.remember(f.gone, r)
	}
	if f.remove != nil {
		return f.remove(ctx, id)
	}
	return f.mem.Delete(ctx, id)
}

func (f *faulty) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	if f.touch != nil {
		return f.touch(ctx, id, lastActivity, expires)
	}
	return f.mem.Touch(ctx, id, lastActivity, expires)
}

func (f *faulty) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if f.prune != nil {
		return f.prune(ctx, before, limit)
	}
	return f.mem.Prune(ctx, before, limit)
}

func (f *faulty) List(ctx context.Context) iter.Seq2[session.Record, error] {
	if f.lists != nil {
		return f.lists(ctx)
	}
	return f.mem.List(ctx)
}

func (f *faulty) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	if f.listOwner != nil {
		return f.listOwner(ctx, owner)
	}
	return f.mem.ListOwner(ctx, owner)
}

func (f *faulty) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	if f.owned != nil {
		return f.owned(owner, ids), nil
	}
	return f.mem.DeleteOwned(ctx, owner, ids)
}

func (f *faulty) Import(ctx context.Context, r session.Record) error {
	if f.imports != nil {
		return f.imports(r)
	}
	return f.mem.Import(ctx, r)
}

func (f *faulty) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	if f.stat != nil {
		return f.stat(ctx, ids)
	}
	return f.mem.Stat(ctx, ids)
}

func (f *faulty) Broadcast(ctx context.Context, ids []session.ID) error {
	if f.broadcast != nil {
		return f.broadcast(ids)
	}
	return f.mem.Broadcast(ctx, ids)
}

func (f *faulty) Listen(ctx context.Context, heard func(session.ID)) error {
	if f.listen != nil {
		return f.listen(ctx, heard)
	}
	return f.mem.Listen(ctx, heard)
}

func (f *faulty) remember(in map[session.ID]session.Record, r session.Record) {
	f.past.mu.Lock()
	defer f.past.mu.Unlock()
	in[r.ID] = r
}

func (f *faulty) remembers(in map[session.ID]session.Record, id session.ID) bool {
	_, ok := f.recall(in, id)
	return ok
}

func (f *faulty) recall(in map[session.ID]session.Record, id session.ID) (session.Record, bool) {
	f.past.mu.Lock()
	defer f.past.mu.Unlock()
	r, ok := in[id]
	return r, ok
}

// get returns the stored record without copying its data.
func (m *mem) get(id session.ID) (session.Record, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.m[id]
	return r, ok
}

// put stores r without any checks.
func (m *mem) put(r session.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.m[r.ID] = r
}

// change calls f with the stored record, and reports whether there is one.
func (m *mem) change(id session.ID, f func(*session.Record)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.m[id]
	if ok {
		f(&r)
		m.m[id] = r
	}
	return ok
}

// gap lets other goroutines run, as in a store that does not lock. The tests use a fake
// clock, which advances only when all goroutines are blocked.
func gap() { <-time.After(time.Millisecond) }
