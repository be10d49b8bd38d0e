package storecheck

import (
	"context"

	"github.com/expanse-go/session"
)

var persistenceFaults = []fault{
	{"Reopen/records", "versions start again at 1", func(f *faulty) {
		f.reopen = func() session.Store {
			for _, id := range f.ids() {
				f.change(id, func(r *session.Record) { r.Version = 1 })
			}
			return f
		}
	}},
	{"Reopen/records", "the last write is lost", func(f *faulty) {
		var last session.Record
		f.update = func(ctx context.Context, r session.Record) error {
			last, _ = f.get(r.ID)
			return f.mem.Update(ctx, r)
		}
		f.reopen = func() session.Store {
			if last.Version > 0 {
				f.put(last)
			}
			return f
		}
	}},
	{"Reopen/deleted", "deletions are lost", func(f *faulty) {
		f.reopen = func() session.Store {
			for _, r := range f.gone {
				f.put(r)
			}
			return f
		}
	}},
	{"Reopen/owner", "the index is lost", func(f *faulty) {
		f.reopen = func() session.Store {
			return &faulty{mem: f.mem, past: past{ever: f.ever, gone: f.gone}, listOwner: nothing}
		}
	}},
	{"Share/visible", "a handle restores what another one deleted", func(f *faulty) {
		f.share = func() session.Store { return f.mem }
		f.update = func(ctx context.Context, r session.Record) error {
			err := f.mem.Update(ctx, r)
			if err == session.ErrNotFound && f.remembers(f.ever, r.ID) && !f.remembers(f.gone, r.ID) {
				f.put(clone(r))
				return nil
			}
			return err
		}
	}},
	{"Share/visible", "a handle caches records until it gets a conflict", func(f *faulty) {
		f.share = func() session.Store {
			copies := map[session.ID]session.Record{}
			h := newFaulty()
			h.listen = f.mem.Listen
			h.load = func(ctx context.Context, id session.ID) (session.Record, error) {
				h.past.mu.Lock()
				defer h.past.mu.Unlock()
				if r, ok := copies[id]; ok {
					return clone(r), nil
				}
				r, err := f.mem.Load(ctx, id)
				if err == nil {
					copies[id] = clone(r)
				}
				return r, err
			}
			h.update = func(ctx context.Context, r session.Record) error {
				err := f.mem.Update(ctx, r)
				h.past.mu.Lock()
				defer h.past.mu.Unlock()
				delete(copies, r.ID)
				return err
			}
			return h
		}
	}},
	{"Share/counter", "a handle locks only itself", func(f *faulty) {
		// The first handle is correct, and slow enough to write during the other's pause.
		f.update = func(ctx context.Context, r session.Record) error {
			gap()
			return f.mem.Update(ctx, r)
		}
		f.share = func() session.Store {
			h := newFaulty()
			h.listen = f.mem.Listen
			lock := make(chan struct{}, 1)
			h.load = f.mem.Load
			h.remove = f.mem.Delete
			h.update = func(ctx context.Context, r session.Record) error {
				lock <- struct{}{}
				defer func() { <-lock }()
				old, ok := f.get(r.ID)
				if !ok {
					return session.ErrNotFound
				}
				if old.Version != r.Version {
					return session.ErrConflict
				}
				gap()
				gap()
				r.Version++
				f.put(clone(r))
				return nil
			}
			return h
		}
	}},
}

// nothing is a ListOwner that has lost its index.
func nothing(context.Context, string) sequence { return func(func(session.Record, error) bool) {} }
