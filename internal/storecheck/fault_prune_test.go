package storecheck

import (
	"context"
	"math"
	"time"

	"github.com/expanse-go/session"
)

// pruning returns a fault in the arguments or results of Prune.
func pruning(before func(time.Time) time.Time, limit func(int) int, result func(n, limit int) int) func(*faulty) {
	return func(f *faulty) {
		f.prune = func(ctx context.Context, t time.Time, l int) (int, error) {
			asked := l
			if before != nil {
				t = before(t)
			}
			if limit != nil {
				l = limit(l)
			}
			n, err := f.mem.Prune(ctx, t, l)
			if result != nil {
				n = result(n, asked)
			}
			return n, err
		}
	}
}

// outdatedIDs returns the IDs of records to prune.
func (f *faulty) outdatedIDs(before time.Time, limit int) (ids []session.ID) {
	for _, id := range f.ids() {
		if r, ok := f.get(id); ok && r.ExpiresAt.Before(before) && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids
}

var pruneFaults = []fault{
	{"Prune/removes", "Prune skips updated records", func(f *faulty) {
		f.prune = func(ctx context.Context, before time.Time, limit int) (n int, err error) {
			for _, id := range f.outdatedIDs(before, limit) {
				if r, _ := f.get(id); r.Version == 1 {
					_ = f.mem.Delete(ctx, id)
					n++
				}
			}
			return n, nil
		}
	}},
	{"Prune/removes", "Prune returns too small a count", pruning(nil, nil, func(n, limit int) int {
		if n == 3 {
			return 1
		}
		return n
	})},
	{"Prune/boundary", "Prune includes the instant", pruning(func(t time.Time) time.Time { return t.Add(1) }, nil, nil)},
	{"Prune/boundary", "Prune compares milliseconds", pruning(func(t time.Time) time.Time { return t.Add(-time.Millisecond) }, nil, nil)},
	{"Prune/limit", "Prune ignores its limit", pruning(nil, func(limit int) int {
		if limit > 0 {
			return math.MaxInt
		}
		return limit
	}, nil)},
	{"Prune/batches", "Prune returns one less than its limit", pruning(nil, nil, func(n, limit int) int {
		if n == limit {
			return max(0, n-1)
		}
		return n
	})},
	{"Prune/batches", "Prune always returns its limit", pruning(nil, nil, func(n, limit int) int {
		if limit == 2 {
			return limit
		}
		return n
	})},
	{"Prune/limit-below-one", "a limit below one means no limit", pruning(nil, func(limit int) int {
		if limit < 1 {
			return math.MaxInt
		}
		return limit
	}, nil)},
	{"Prune/parallel", "Prune counts what it planned to delete", func(f *faulty) {
		f.prune = func(ctx context.Context, before time.Time, limit int) (int, error) {
			ids := f.outdatedIDs(before, limit)
			gap()
			_, err := f.mem.Prune(ctx, before, limit)
			return len(ids), err
		}
	}},
	{"Prune/parallel-update", "Prune checks, then deletes", func(f *faulty) {
		// A slow Update falls between the check and the deletion.
		f.update = func(ctx context.Context, r session.Record) error {
			gap()
			return f.mem.Update(ctx, r)
		}
		f.prune = func(ctx context.Context, before time.Time, limit int) (n int, err error) {
			ids := f.outdatedIDs(before, limit)
			gap()
			gap()
			for _, id := range ids {
				if f.change(id, func(*session.Record) {}) {
					_ = f.mem.Delete(ctx, id)
					n++
				}
			}
			return n, nil
		}
	}},
	{"ListOwner/pruned", "Prune does not change the index", func(f *faulty) {
		pruned := map[session.ID]session.Record{}
		f.prune = func(ctx context.Context, before time.Time, limit int) (int, error) {
			for _, id := range f.outdatedIDs(before, limit) {
				r, _ := f.get(id)
				f.remember(pruned, r)
			}
			return f.mem.Prune(ctx, before, limit)
		}
		f.listOwner = func(ctx context.Context, owner string) sequence {
			return func(yield func(session.Record, error) bool) {
				f.mem.ListOwner(ctx, owner)(yield)
				for _, r := range pruned {
					if r.Owner == owner && !yield(r, nil) {
						return
					}
				}
			}
		}
	}},
}
