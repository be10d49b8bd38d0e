package storecheck

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

type sequence = iter.Seq2[session.Record, error]

// A lister is either List, or ListOwner of one owner.
type lister func(ctx context.Context) sequence

// listFault returns a fault in List, and the same fault in ListOwner.
func listFault(clause, what string, wrap func(f *faulty, right lister) lister) []fault {
	return []fault{
		{"List/" + clause, what, func(f *faulty) { f.lists = wrap(f, f.mem.List) }},
		{"ListOwner/" + clause, what, func(f *faulty) {
			f.listOwner = func(ctx context.Context, owner string) sequence {
				return wrap(f, func(ctx context.Context) sequence { return f.mem.ListOwner(ctx, owner) })(ctx)
			}
		}},
	}
}

// filter returns a fault that omits or changes records.
func filter(keep func(n int, r *session.Record) bool) func(*faulty, lister) lister {
	return func(_ *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				n := 0
				for r, err := range right(ctx) {
					n++
					if keep(n, &r) && !yield(r, err) {
						return
					}
				}
			}
		}
	}
}

var listFaults = concat(
	listFault("complete", "it omits the user agent", filter(func(_ int, r *session.Record) bool {
		r.Client.UserAgent = ""
		return true
	})),
	listFault("complete", "it yields short lists twice", func(_ *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				n := 0
				for range right(ctx) {
					n++
				}
				for i := range 2 {
					for r, err := range right(ctx) {
						if i == 0 || n == 3 && r.Owner != "" && len(r.Client.Address) > 10 {
							if !yield(r, err) {
								return
							}
						}
					}
				}
			}
		}
	}),
	listFault("expired", "it omits expired records", filter(func(_ int, r *session.Record) bool {
		return r.ExpiresAt.After(time.Now()) || r.ID.IsZero()
	})),
	listFault("many", "it ends after a page", filter(func(n int, _ *session.Record) bool { return n <= 100 })),
	listFault("owned-by-caller", "it yields the store's slices", func(f *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				for r, err := range right(ctx) {
					if own, ok := f.get(r.ID); ok {
						r.Data = own.Data
					}
					if !yield(r, err) {
						return
					}
				}
			}
		}
	}),
	listFault("while-changing", "it pages by offset", func(f *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				const size = 5
				for offset := 0; ; offset += size {
					page, n := []session.Record(nil), 0
					for r, err := range right(ctx) {
						if err != nil {
							yield(r, err)
							return
						}
						if n++; n > offset && n <= offset+size {
							page = append(page, r)
						}
					}
					for _, r := range page {
						if !yield(r, nil) {
							return
						}
					}
					if len(page) < size {
						return
					}
				}
			}
		}
	}),
	listFault("break", "it continues after a break", func(_ *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				for r, err := range right(ctx) {
					_ = yield(r, err)
				}
			}
		}
	}),
	listFault("cancelled", "it continues after an error", func(_ *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				for r, err := range right(context.WithoutCancel(ctx)) {
					if ctx.Err() != nil {
						r, err = session.Record{}, ctx.Err()
					}
					if !yield(r, err) {
						return
					}
				}
			}
		}
	}),
	listFault("cancelled", "its error comes with a record", func(_ *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				for r, err := range right(ctx) {
					if err != nil {
						r.Owner = "somebody"
					}
					if !yield(r, err) {
						return
					}
				}
			}
		}
	}),
	listFault("no-lock", "Create waits for the end of the loop", func(f *faulty, right lister) lister {
		lock := make(chan struct{}, 1)
		if f.create == nil {
			f.create = func(ctx context.Context, r session.Record) error {
				select {
				case lock <- struct{}{}:
					defer func() { <-lock }()
					return f.mem.Create(ctx, r)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				lock <- struct{}{}
				defer func() { <-lock }()
				right(ctx)(yield)
			}
		}
	}),
	listFault("deleted", "it yields deleted records", func(f *faulty, right lister) lister {
		return func(ctx context.Context) sequence {
			return func(yield func(session.Record, error) bool) {
				for r, err := range right(ctx) {
					if !yield(r, err) {
						return
					}
				}
				f.past.mu.Lock()
				defer f.past.mu.Unlock()
				for _, r := range f.gone {
					if r.Client.UserAgent == "check/1" && !yield(r, nil) {
						return
					}
				}
			}
		}
	}),
	[]fault{
		{"ListOwner/exact", "case does not count", owned(strings.EqualFold)},
		{"ListOwner/exact", "trailing spaces do not count", owned(func(a, b string) bool {
			return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
		})},
		{"ListOwner/exact", "owners match as prefixes", owned(strings.HasPrefix)},
		{"ListOwner/exact", "a percent sign is a pattern", owned(func(a, b string) bool {
			return a == b || strings.HasSuffix(b, "%") && strings.HasPrefix(a, b[:len(b)-1])
		})},
		{"ListOwner/exact", "anonymous records have no index", owned(func(a, b string) bool { return a == b && (a != "" || b != "") })},
		{"ListOwner/moves", "Update does not change the index", func(f *faulty) {
			f.listOwner = func(ctx context.Context, owner string) sequence {
				return func(yield func(session.Record, error) bool) {
					for r, err := range f.mem.List(ctx) {
						if (err != nil || f.ever[r.ID].Owner == owner) && !yield(r, err) {
							return
						}
					}
				}
			}
		}},
	},
)

func concat(lists ...[]fault) (all []fault) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// owned returns a fault in which ListOwner compares owners by same.
func owned(same func(stored, asked string) bool) func(*faulty) {
	return func(f *faulty) {
		f.listOwner = func(ctx context.Context, owner string) sequence {
			return f.mem.list(ctx, func(r session.Record) bool { return same(r.Owner, owner) })
		}
	}
}
