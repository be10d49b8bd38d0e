package sessiontest

import (
	"context"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/storecheck"
)

// A Harness makes the stores that [TestStore] and [BenchmarkStore] work on.
type Harness struct {
	// Open returns an empty store, and has it closed by tb.Cleanup.
	Open func(tb testing.TB) session.Store

	// Reopen closes the store and opens the same data again, as a restart of the
	// program does; it has the new one closed by tb.Cleanup. The store that Open
	// returned is then closed twice, which must do no harm. Nil if nothing outlives
	// the store.
	Reopen func(tb testing.TB, s session.Store) session.Store

	// Share opens the data of s again while s stays open, as a second process does,
	// and has it closed by tb.Cleanup. Nil if only one process can have the data.
	Share func(tb testing.TB, s session.Store) session.Store
}

// TestStore checks that a store keeps every sentence of the contract of
// [session.Store]. Each clause is a subtest on a store of its own, with a name
// like "Update/stale-version". The clauses of [session.Viewer],
// [session.Toucher], [session.Pruner], [session.Lister] and [session.OwnerLister] run if the store
// has that capability, and those about restarts and second processes if the
// harness can do that.
//
// The subtest "Law" compares some thousand random operations with a map. Its
// seeds are fixed; a failure names its seed and step.
//
// The store works on the real clock here. Run the test with -race: a store that
// shares memory without a lock is often right by luck.
func TestStore(t *testing.T, h Harness) {
	powers := h.env(t).Powers()
	for _, c := range storecheck.Clauses() {
		if c.Needs&^powers != 0 {
			continue // not part of this store's contract
		}
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Check(t.Context(), h.env(t)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("Law", func(t *testing.T) {
		for seed := range uint64(4) {
			if err := storecheck.Law(t.Context(), h.env(t), seed, 300); err != nil {
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
