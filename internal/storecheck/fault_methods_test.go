package storecheck

import (
	"context"
	"errors"
	"time"

	"github.com/expanse-go/session"
)

var methodFaults = []fault{
	{"Load/absent", "Load returns the driver's error", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, err := f.mem.Load(ctx, id)
			if err != nil {
				err = errors.New("sql: no rows in result set")
			}
			return r, err
		}
	}},
	{"Load/expired", "Load hides expired records", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, err := f.mem.Load(ctx, id)
			if err == nil && !r.ExpiresAt.After(time.Now()) {
				return session.Record{}, session.ErrNotFound
			}
			return r, err
		}
	}},

	{"Create/version", "Create stores the given version", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			err := f.mem.Create(ctx, r)
			if err == nil && r.Version > 0 {
				f.put(clone(r))
			}
			return err
		}
	}},
	{"Create/taken", "Create returns ErrConflict but overwrites", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			err := f.mem.Create(ctx, r)
			if err != nil {
				f.put(clone(r))
			}
			return err
		}
	}},
	{"Create/taken-expired", "Create replaces an expired record", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			if old, ok := f.get(r.ID); ok && !old.ExpiresAt.After(time.Now()) {
				_ = f.mem.Delete(ctx, r.ID)
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Create/after-delete", "Create finds a deleted record", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			if f.remembers(f.gone, r.ID) {
				return session.ErrConflict
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Create/after-delete", "Create continues the version of a deleted record", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			err := f.mem.Create(ctx, r)
			if old, ok := f.recall(f.gone, r.ID); err == nil && ok {
				f.change(r.ID, func(r *session.Record) { r.Version = old.Version + 1 })
			}
			return err
		}
	}},
	{"Create/similar-ids", "the last bit of IDs does not count", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			twin := r.ID
			twin[15] ^= 1
			if _, ok := f.get(twin); ok {
				return session.ErrConflict
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Create/similar-ids", "IDs are text, and case does not count", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			twin := r.ID
			twin[0] ^= 'a' ^ 'A'
			if _, ok := f.get(twin); ok {
				return session.ErrConflict
			}
			return f.mem.Create(ctx, r)
		}
	}},

	{"Update/version", "Update counts by two", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			err := f.mem.Update(ctx, r)
			if err == nil {
				f.change(r.ID, func(r *session.Record) { r.Version++ })
			}
			return err
		}
	}},
	{"Update/stale-version", "version 0 matches every version", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if old, ok := f.get(r.ID); ok && r.Version == 0 {
				r.Version = old.Version
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Update/stale-version", "Update returns ErrConflict but extends the record", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			err := f.mem.Update(ctx, r)
			if old, ok := f.get(r.ID); ok && err != nil && r.Version < old.Version {
				_ = f.mem.Touch(ctx, r.ID, r.LastActivity, r.ExpiresAt)
			}
			return err
		}
	}},
	{"Update/version-ahead", "Update accepts later versions", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if old, ok := f.get(r.ID); ok && r.Version > old.Version {
				r.Version = old.Version
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Update/absent", "Update inserts a missing record", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if !f.remembers(f.ever, r.ID) {
				return f.mem.Create(ctx, r)
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Update/absent", "Update returns ErrConflict for a missing record", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if !f.remembers(f.ever, r.ID) {
				return session.ErrConflict
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Update/deleted", "Update returns ErrConflict for a deleted record", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			err := f.mem.Update(ctx, r)
			if err != nil && f.remembers(f.gone, r.ID) {
				err = session.ErrConflict
			}
			return err
		}
	}},
	{"Update/expired", "Update ignores expired records", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if old, ok := f.get(r.ID); ok && !old.ExpiresAt.After(time.Now()) {
				return session.ErrNotFound
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Update/others", "Update changes the owner's other devices too", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			before, _ := f.get(r.ID)
			err := f.mem.Update(ctx, r)
			for _, id := range f.ids() {
				f.change(id, func(other *session.Record) {
					if err == nil && id != r.ID && before.Owner != "" && other.Owner == before.Owner {
						other.Client = r.Client
					}
				})
			}
			return err
		}
	}},

	{"Delete/removes", "Delete ignores expired records", func(f *faulty) {
		f.remove = func(ctx context.Context, id session.ID) error {
			if r, ok := f.get(id); ok && !r.ExpiresAt.After(time.Now()) {
				return nil
			}
			return f.mem.Delete(ctx, id)
		}
	}},
	{"Delete/absent", "Delete of a missing record returns ErrNotFound", func(f *faulty) {
		f.remove = func(ctx context.Context, id session.ID) error {
			if _, ok := f.get(id); !ok {
				return session.ErrNotFound
			}
			return f.mem.Delete(ctx, id)
		}
	}},
	{"Delete/others", "Delete logs the owner out of three devices", func(f *faulty) {
		f.remove = func(ctx context.Context, id session.ID) error {
			r, ok := f.get(id)
			var same []session.ID
			for _, other := range f.ids() {
				if o, _ := f.get(other); ok && r.Owner != "" && o.Owner == r.Owner {
					same = append(same, other)
				}
			}
			if len(same) == 3 {
				for _, id := range same {
					_ = f.mem.Delete(ctx, id)
				}
			}
			return f.mem.Delete(ctx, id)
		}
	}},

	{"Context/load", "a cancelled Load returns ErrNotFound", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			if ctx.Err() != nil {
				return session.Record{}, session.ErrNotFound
			}
			return f.mem.Load(ctx, id)
		}
	}},
	{"Context/create", "a cancelled Create leaves a stub", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			if ctx.Err() != nil {
				f.put(session.Record{ID: r.ID, Version: 1})
				return ctx.Err()
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Context/create", "a cancelled Create returns nil", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			if ctx.Err() != nil {
				return nil
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Context/update", "a cancelled Update stores only the data", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if ctx.Err() != nil {
				f.change(r.ID, func(old *session.Record) { old.Data = r.Data })
				return ctx.Err()
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Context/update", "a cancelled Update returns ErrConflict", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if ctx.Err() != nil {
				return session.ErrConflict
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Context/update", "a cancelled Update returns nil", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			if ctx.Err() != nil {
				return nil
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Context/delete", "a cancelled Delete returns nil", func(f *faulty) {
		f.remove = func(ctx context.Context, id session.ID) error {
			if ctx.Err() != nil {
				return nil
			}
			return f.mem.Delete(ctx, id)
		}
	}},
}
