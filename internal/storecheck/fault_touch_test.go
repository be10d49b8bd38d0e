package storecheck

import (
	"context"
	"time"

	"github.com/expanse-go/session"
)

// touching returns a fault in how Touch changes an existing record.
func touching(change func(r *session.Record, lastActivity, expires time.Time)) func(*faulty) {
	return func(f *faulty) {
		f.touch = func(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
			f.change(id, func(r *session.Record) { change(r, lastActivity, expires) })
			return nil
		}
	}
}

// forward changes the record as a correct Touch does.
func forward(r *session.Record, lastActivity, expires time.Time) {
	if lastActivity.After(r.LastActivity) {
		r.LastActivity = lastActivity
	}
	if expires.After(r.ExpiresAt) {
		r.ExpiresAt = expires
	}
}

var touchFaults = []fault{
	{"Touch/moves", "Touch truncates to seconds", touching(func(r *session.Record, lastActivity, expires time.Time) {
		forward(r, lastActivity.Truncate(time.Second), expires.Truncate(time.Second))
	})},
	{"Touch/each-alone", "Touch moves both times or neither", touching(func(r *session.Record, lastActivity, expires time.Time) {
		if lastActivity.After(r.LastActivity) && expires.After(r.ExpiresAt) {
			forward(r, lastActivity, expires)
		}
	})},
	{"Touch/each-alone", "Touch moves both times if one is later", touching(func(r *session.Record, lastActivity, expires time.Time) {
		if lastActivity.After(r.LastActivity) || expires.After(r.ExpiresAt) {
			r.LastActivity, r.ExpiresAt = lastActivity, expires
		}
	})},
	{"Touch/never-shortens", "Touch shortens if both times are earlier", touching(func(r *session.Record, lastActivity, expires time.Time) {
		if lastActivity.Before(r.LastActivity) && expires.Equal(r.ExpiresAt.Add(-time.Minute)) {
			r.ExpiresAt = expires
		}
		forward(r, lastActivity, expires)
	})},
	{"Touch/unchanged", "Touch treats an unchanged row as a missing one", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			if r, ok := f.get(id); ok && lastActivity.Equal(r.LastActivity) && expires.Equal(r.ExpiresAt) {
				return session.ErrNotFound
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
	{"Touch/nothing-else", "Touch clears the user agent", touching(func(r *session.Record, lastActivity, expires time.Time) {
		forward(r, lastActivity, expires)
		r.Client.UserAgent = ""
	})},
	{"Touch/then-update", "Touch makes the next Update stale", func(f *faulty) {
		stale := map[session.ID]uint64{}
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			f.change(id, func(r *session.Record) { stale[id] = r.Version })
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
		f.update = func(ctx context.Context, r session.Record) error {
			conflict := false
			f.change(r.ID, func(old *session.Record) { conflict = stale[r.ID] == r.Version && r.Version > 0 })
			if conflict {
				return session.ErrConflict
			}
			return f.mem.Update(ctx, r)
		}
	}},
	{"Touch/absent", "Touch of a missing record returns ErrNotFound", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			if _, ok := f.get(id); !ok {
				return session.ErrNotFound
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
	{"Touch/absent", "Touch inserts a missing record", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			if !f.remembers(f.ever, id) {
				return f.mem.Create(ctx, session.Record{ID: id, LastActivity: lastActivity, ExpiresAt: expires})
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
	{"Touch/expired", "Touch ignores expired records", touching(func(r *session.Record, lastActivity, expires time.Time) {
		if r.ExpiresAt.After(time.Now()) {
			forward(r, lastActivity, expires)
		}
	})},
	{"Touch/parallel", "Touch reads, then writes the times", func(f *faulty) {
		f.touch = func(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
			r, _ := f.get(id)
			forward(&r, lastActivity, expires)
			gap()
			f.change(id, func(now *session.Record) { now.LastActivity, now.ExpiresAt = r.LastActivity, r.ExpiresAt })
			return nil
		}
	}},
	{"Touch/parallel-update", "Touch writes back the whole record", func(f *faulty) {
		f.touch = func(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
			r, _ := f.get(id)
			gap()
			f.change(id, func(now *session.Record) {
				r.LastActivity, r.ExpiresAt = now.LastActivity, now.ExpiresAt
				forward(&r, lastActivity, expires)
				*now = r
			})
			return nil
		}
	}},
	{"Touch/parallel-delete", "Touch checks, then inserts or moves", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			r, ok := f.get(id)
			gap()
			if ok && !f.change(id, func(*session.Record) {}) {
				f.put(r)
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
	{"Context/touch", "a cancelled Touch moves one of two times", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			if ctx.Err() != nil {
				_ = f.mem.Touch(ctx, id, lastActivity, time.Time{})
				return ctx.Err()
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
	{"Context/touch", "a cancelled Touch returns nil", func(f *faulty) {
		f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
			if ctx.Err() != nil {
				return nil
			}
			return f.mem.Touch(ctx, id, lastActivity, expires)
		}
	}},
}
