package storecheck

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// created returns a fault in what Create stores.
func created(change func(*session.Record)) func(*faulty) {
	return func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			r = clone(r)
			change(&r)
			return f.mem.Create(ctx, r)
		}
	}
}

// updated returns a fault in what Update stores.
func updated(change func(f *faulty, r *session.Record)) func(*faulty) {
	return func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			r = clone(r)
			change(f, &r)
			return f.mem.Update(ctx, r)
		}
	}
}

var fieldFaults = []fault{
	{"Record/nanoseconds", "Create keeps microseconds", created(func(r *session.Record) {
		r.CreatedAt = r.CreatedAt.Truncate(time.Microsecond)
	})},
	{"Record/nanoseconds", "Update keeps milliseconds", updated(func(_ *faulty, r *session.Record) {
		r.LastActivity = r.LastActivity.Truncate(time.Millisecond)
	})},
	{"Record/utc", "Load returns local time", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, err := f.mem.Load(ctx, id)
			r.ExpiresAt = r.ExpiresAt.In(time.FixedZone("CET", 3600))
			return r, err
		}
	}},
	{"Record/text", "Create trims", created(func(r *session.Record) {
		r.Client.UserAgent = strings.TrimSpace(r.Client.UserAgent)
	})},
	{"Record/text", "Update normalizes", updated(func(_ *faulty, r *session.Record) {
		r.Owner = strings.ReplaceAll(r.Owner, "e\u0301", "\u00e9")
	})},
	{"Record/longest-text", "Create truncates the user agent at 255 bytes", created(func(r *session.Record) {
		r.Client.UserAgent = r.Client.UserAgent[:min(255, len(r.Client.UserAgent))]
	})},
	{"Record/longest-text", "Update truncates the owner at 254 bytes", updated(func(_ *faulty, r *session.Record) {
		r.Owner = r.Owner[:min(254, len(r.Owner))]
	})},
	{"Record/empty", "Create refuses empty data", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			if len(r.Data) == 0 {
				return errors.New("no data")
			}
			return f.mem.Create(ctx, r)
		}
	}},
	{"Record/empty", "Create stores unknown for an empty address", created(func(r *session.Record) {
		if r.Client.Address == "" {
			r.Client.Address = "unknown"
		}
	})},
	{"Record/binary", "Create truncates data at a zero byte", created(func(r *session.Record) {
		r.Data, _, _ = bytes.Cut(r.Data, []byte{0})
	})},
	{"Record/binary", "Create replaces invalid UTF-8 in data", created(func(r *session.Record) {
		r.Data = bytes.ToValidUTF8(r.Data, []byte("\ufffd"))
	})},
	{"Record/large", "Create truncates data at 64 KiB", created(func(r *session.Record) {
		r.Data = r.Data[:min(1<<16-1, len(r.Data))]
	})},
	{"Record/large", "Update truncates data below 1 MiB", updated(func(_ *faulty, r *session.Record) {
		r.Data = r.Data[:min(1<<20-1, len(r.Data))]
	})},

	{"Create/all-fields", "Create keeps the age in 16 bits of seconds", created(func(r *session.Record) {
		age := min(r.LastActivity.Sub(r.CreatedAt), (1<<16-1)*time.Second)
		r.CreatedAt = r.LastActivity.Add(-age)
	})},
	{"Update/all-fields", "Update never shortens", updated(func(f *faulty, r *session.Record) {
		if old, ok := f.get(r.ID); ok && old.ExpiresAt.After(r.ExpiresAt) {
			r.ExpiresAt = old.ExpiresAt
		}
	})},
	{"Update/all-fields", "Update ignores a CreatedAt one second later", updated(func(f *faulty, r *session.Record) {
		if old, ok := f.get(r.ID); ok && r.CreatedAt.Sub(old.CreatedAt) == time.Second {
			r.CreatedAt = old.CreatedAt
		}
	})},
	{"Create/not-retained", "Create retains the caller's slice", func(f *faulty) {
		f.create = func(ctx context.Context, r session.Record) error {
			err := f.mem.Create(ctx, r)
			if err == nil {
				f.change(r.ID, func(old *session.Record) { old.Data = r.Data })
			}
			return err
		}
	}},
	{"Update/not-retained", "Update retains the caller's slice", func(f *faulty) {
		f.update = func(ctx context.Context, r session.Record) error {
			err := f.mem.Update(ctx, r)
			if err == nil {
				f.change(r.ID, func(old *session.Record) { old.Data = r.Data })
			}
			return err
		}
	}},
	{"Load/owned-by-caller", "Load returns the store's slice", func(f *faulty) {
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, ok := f.get(id)
			if !ok {
				return r, session.ErrNotFound
			}
			return r, nil
		}
	}},
}
