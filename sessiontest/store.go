package sessiontest

import (
	"context"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/storecheck"
)

// A Harness opens the stores for [TestStore] and [BenchmarkStore].
type Harness struct {
	// Open returns an empty store, and registers a function that closes it with
	// tb.Cleanup.
	Open func(tb testing.TB) session.Store

	// Reopen closes the store and opens the same data again, as a restart of the
	// program does. Like Open, it has tb.Cleanup close the new store. The store that Open
	// returned is then closed twice, which must do no harm. Reopen is nil if the data does
	// not outlive the store.
	Reopen func(tb testing.TB, s session.Store) session.Store

	// Share opens the data of s again while s stays open, as a second process does. Like
	// Open, it has tb.Cleanup close the new store. Share is nil if only one process can
	// use the data.
	Share func(tb testing.TB, s session.Store) session.Store
}

// TestStore checks a store against every clause of the contract of [session.Store].
// Each clause is a subtest with a store of its own and a name like
// "Update/stale-version". The clauses of [session.Viewer], [session.Toucher],
// [session.Pruner], [session.Lister], [session.OwnerLister], [session.OwnerDeleter],
// [session.Importer], [session.Stater] and [session.Broadcaster] run if the store has that
// capability. The clauses about restarts and other processes run if h.Reopen and h.Share are
// set.
//
// The subtest "Model" compares about a thousand random operations with a map. Its
// seeds are fixed, and a failure names its seed and step.
//
// The store uses the real clock. Run the test with -race: a store that shares memory
// without a lock often passes by luck.
func TestStore(t *testing.T, h Harness) {
	capabilities := h.env(t).Capabilities()
	for _, c := range storecheck.Clauses() {
		if c.Needs&^capabilities != 0 {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Check(t.Context(), h.env(t)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("Model", func(t *testing.T) {
		for seed := range uint64(4) {
			if err := storecheck.CompareWithModel(t.Context(), h.env(t), seed, 300); err != nil {
				t.Error(err)
			}
		}
	})
}

func (h Harness) env(tb testing.TB) storecheck.Env {
	tb.Helper()
	env := storecheck.Env{Store: h.Open(tb)}
	if h.Reopen != nil {
		env.Reopen = func(_ context.Context, s session.Store) (session.Store, error) { return h.Reopen(tb, s), nil }
	}
	if h.Share != nil {
		env.Share = func(_ context.Context, s session.Store) (session.Store, error) { return h.Share(tb, s), nil }
	}
	return env
}
