package storecheck

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// broadFaults lists bugs that real stores have. Each violates several rules; clauses
// names those that must fail at least.
var broadFaults = []struct {
	what    string
	clauses []string
	make    func(*faulty)
}{
	{"one upsert for Create and Update (CVE-2025-46336)",
		[]string{"Create/taken", "Create/parallel", "Update/stale-version", "Update/absent", "Update/deleted", "Update/parallel", "Update/counter", "Delete/parallel-update"},
		func(f *faulty) {
			upsert := func(_ context.Context, r session.Record) error {
				r = clone(r)
				r.Version++
				f.put(r)
				return nil
			}
			f.create, f.update = upsert, upsert
		}},
	{"the last write wins",
		[]string{"Update/stale-version", "Update/version-ahead", "Update/parallel", "Update/counter"},
		func(f *faulty) {
			f.update = func(ctx context.Context, r session.Record) error {
				if old, ok := f.get(r.ID); ok {
					r.Version = old.Version
				}
				return f.mem.Update(ctx, r)
			}
		}},
	{"check, then act, without a lock",
		[]string{"Update/parallel", "Update/counter", "Share/counter"},
		func(f *faulty) {
			f.update = func(_ context.Context, r session.Record) error {
				old, ok := f.get(r.ID)
				if !ok {
					return session.ErrNotFound
				}
				if old.Version != r.Version {
					return session.ErrConflict
				}
				gap()
				f.change(r.ID, func(now *session.Record) { *now = clone(r); now.Version++ })
				return nil
			}
		}},
	{"expired records count as deleted",
		[]string{"Load/expired", "Create/taken-expired", "Update/expired", "Touch/expired"},
		func(f *faulty) {
			expire := func(id session.ID) {
				if r, ok := f.get(id); ok && !r.ExpiresAt.After(time.Now()) {
					_ = f.mem.Delete(context.Background(), id)
				}
			}
			f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
				expire(id)
				return f.mem.Load(ctx, id)
			}
			f.create = func(ctx context.Context, r session.Record) error {
				expire(r.ID)
				return f.mem.Create(ctx, r)
			}
			f.update = func(ctx context.Context, r session.Record) error {
				expire(r.ID)
				return f.mem.Update(ctx, r)
			}
			f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
				expire(id)
				return f.mem.Touch(ctx, id, lastActivity, expires)
			}
		}},
	{"rows that an UPDATE leaves unchanged do not count (MySQL)",
		[]string{"Touch/unchanged", "Touch/never-shortens", "Touch/parallel"},
		func(f *faulty) {
			f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
				r, ok := f.get(id)
				if !ok || !lastActivity.After(r.LastActivity) && !expires.After(r.ExpiresAt) {
					return session.ErrNotFound
				}
				return f.mem.Touch(ctx, id, lastActivity, expires)
			}
		}},
	{"Touch is a Load and an Update",
		[]string{"Touch/nothing-else", "Touch/then-update"},
		func(f *faulty) {
			f.touch = func(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
				r, ok := f.get(id)
				if !ok {
					return nil
				}
				r = clone(r)
				forward(&r, lastActivity, expires)
				return f.mem.Update(ctx, r)
			}
		}},
	{"data is text", []string{"Record/binary"},
		func(f *faulty) {
			f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
				r, err := f.mem.Load(ctx, id)
				r.Data = []byte(strings.ToValidUTF8(string(r.Data), "?"))
				return r, err
			}
		}},
	{"Create stores nothing, and returns nil", []string{"Load/expired", "Create/all-fields", "Create/taken", "Update/all-fields", "List/complete"},
		func(f *faulty) {
			f.create = func(context.Context, session.Record) error { return nil }
		}},
}

func TestBroadFaults(t *testing.T) {
	for _, f := range broadFaults {
		t.Run(f.what, func(t *testing.T) {
			t.Parallel()
			got := failedClauses(t, f.make)
			for _, name := range f.clauses {
				if !slices.Contains(got, name) {
					t.Errorf("%s does not fail; only %q fail", name, got)
				}
			}
		})
	}
}
