package storecheck

import (
	"context"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// stats changes what Stat returns.
func stats(f *faulty, change func([]session.Status) []session.Status) {
	f.stat = func(ctx context.Context, ids []session.ID) ([]session.Status, error) {
		all, err := f.mem.Stat(ctx, ids)
		return change(all), err
	}
}

var statFaults = []fault{
	{"Stat/same", "Stat cuts times to seconds", func(f *faulty) {
		stats(f, func(all []session.Status) []session.Status {
			for i := range all {
				all[i].LastActivity = all[i].LastActivity.Truncate(time.Second)
				all[i].ExpiresAt = all[i].ExpiresAt.Truncate(time.Second)
			}
			return all
		})
	}},
	{"Stat/current", "Stat remembers its first answer", func(f *faulty) {
		known := map[session.ID]session.Status{}
		stats(f, func(all []session.Status) []session.Status {
			f.past.mu.Lock()
			defer f.past.mu.Unlock()
			for i, st := range all {
				if old, ok := known[st.ID]; ok {
					all[i] = old
				}
				known[st.ID] = all[i]
			}
			return all
		})
	}},
	{"Stat/absent", "Stat returns deleted records", func(f *faulty) {
		f.stat = func(ctx context.Context, ids []session.ID) ([]session.Status, error) {
			all, err := f.mem.Stat(ctx, ids)
			for _, id := range ids {
				if r, ok := f.recall(f.gone, id); ok {
					all = append(all, session.Status{ID: id, Version: r.Version})
				}
			}
			return all, err
		}
	}},
	{"Stat/expired", "Stat leaves out expired records", func(f *faulty) {
		stats(f, func(all []session.Status) []session.Status {
			return slices.DeleteFunc(all, func(st session.Status) bool { return st.ExpiresAt.Before(time.Now()) })
		})
	}},
	{"Stat/listed", "Stat returns all records", func(f *faulty) {
		f.stat = func(ctx context.Context, ids []session.ID) ([]session.Status, error) {
			if len(ids) == 0 {
				return nil, nil
			}
			return f.mem.Stat(ctx, slices.Compact(append(slices.Clone(ids), without(f.ids(), ids)...)))
		}
	}},
	{"Stat/many", "Stat answers for the first batch only", func(f *faulty) {
		f.stat = func(ctx context.Context, ids []session.ID) ([]session.Status, error) {
			return f.mem.Stat(ctx, ids[:min(len(ids), 1000)])
		}
	}},
	{"Context/stat", "a Stat that is canceled returns what it has found", func(f *faulty) {
		f.stat = func(ctx context.Context, ids []session.ID) (all []session.Status, _ error) {
			for i := range ids {
				if ctx.Err() != nil {
					break
				}
				one, _ := f.mem.Stat(ctx, ids[i:i+1])
				all = append(all, one...)
			}
			return all, nil
		}
	}},
}

// without returns the IDs that are not among others.
func without(ids, others []session.ID) []session.ID {
	return slices.DeleteFunc(ids, func(id session.ID) bool { return slices.Contains(others, id) })
}
