package storecheck

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/expanse-go/session"
)

var errDeadlock = errors.New("deadlock found when trying to get lock")

// concurrency counts the goroutines in a method at the same time, after all of them
// have entered it.
type concurrency struct{ now, most atomic.Int32 }

func (c *concurrency) enter() int32 {
	n := c.now.Add(1)
	gap()
	for {
		most := c.most.Load()
		if n <= most || c.most.CompareAndSwap(most, n) {
			return max(n, most)
		}
	}
}

func (c *concurrency) leave() {
	if c.now.Add(-1) == 0 {
		c.most.Store(0)
	}
}

var raceFaults = []fault{
	{"Create/parallel", "Create checks, then inserts", func(f *faulty) {
		f.create = func(_ context.Context, r session.Record) error {
			if _, ok := f.get(r.ID); ok {
				return session.ErrConflict
			}
			gap()
			r = clone(r)
			r.Version = 1
			f.put(r)
			return nil
		}
	}},
	{"Create/parallel", "Create returns the deadlock error of the database", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			_, before := f.get(r.ID)
			gap()
			err := f.mem.Create(ctx, r)
			if err != nil && !before {
				err = errDeadlock
			}
			return err
		}
	}},
	{"Update/parallel", "Update returns the deadlock error of the database", func(f *faulty) {
		var in concurrency
		f.update = func(ctx context.Context, r session.Record) error {
			n := in.enter()
			defer in.leave()
			err := f.mem.Update(ctx, r)
			if err != nil && n > 8 {
				err = errDeadlock
			}
			return err
		}
	}},
	{"Update/counter", "Load reads the version after the data", func(f *faulty) {
		f.alone = true // otherwise Share/counter fails, too
		var calls atomic.Int32
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, err := f.mem.Load(ctx, id)
			for range calls.Add(1) % 3 {
				gap()
			}
			if now, ok := f.get(id); ok && err == nil {
				r.Version = now.Version
			}
			return r, err
		}
	}},
	{"Load/parallel-update", "Load reads the owner before the rest", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			before, ok := f.get(id)
			gap()
			r, err := f.mem.Load(ctx, id)
			if ok && err == nil {
				r.Owner = before.Owner
			}
			return r, err
		}
	}},
	{"Delete/parallel-update", "Update checks, then inserts or replaces", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if _, ok := f.get(r.ID); !ok {
				return session.ErrNotFound
			}
			gap()
			if _, ok := f.get(r.ID); !ok {
				return f.mem.Create(ctx, r)
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Store/parallel", "more than eight Updates share a buffer", func(f *faulty) {
		var in concurrency
		var buffer atomic.Pointer[[]byte]
		f.update = func(ctx context.Context, r session.Record) error {
			data := r.Data
			buffer.Store(&data)
			if n := in.enter(); n > 8 {
				r.Data = *buffer.Load()
			}
			defer in.leave()
			return f.mem.Update(ctx, r)
		}
	}},
}
