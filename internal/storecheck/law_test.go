package storecheck

import (
	"context"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

func TestLaw(t *testing.T) {
	for seed := range uint64(20) {
		m := newMem()
		if err := Law(t.Context(), Env{Store: m, Reopen: m.again}, seed, 1000); err != nil {
			t.Error(err)
		}
		if len(m.m) != 0 {
			t.Errorf("%d records are left behind", len(m.m))
		}
		if err := Law(t.Context(), Env{Store: core{newMem()}}, seed, 300); err != nil {
			t.Error(err)
		}
	}
}

// TestLawFaults has faults that no clause can see, because each needs a history
// that nobody would think of, and faults in what only the law looks at.
func TestLawFaults(t *testing.T) {
	for what, broken := range map[string]func(*faulty){
		"the third update of a record of Ana has a byte too many": updated(func(_ *faulty, r *session.Record) {
			if r.Version == 3 && r.Owner == "Ana" {
				r.Data = append(r.Data, 0)
			}
		}),
		"a deleted record's owner comes back": func(f *faulty) {
			f.create = func(ctx context.Context, r session.Record) error {
				if old, ok := f.recall(f.gone, r.ID); ok && old.Owner == "Ana" && r.Owner == "ana" {
					r.Owner = old.Owner
				}
				return f.mem.Create(ctx, r)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			if got := tripped(t, broken); got != nil {
				t.Errorf("trips %q; it is no test of the law", got)
			}
			f := newFaulty()
			broken(f)
			err := Law(t.Context(), f.env(), 1, 2000)
			if err == nil || !strings.Contains(err.Error(), "seed 1, step ") {
				t.Errorf("got error %v, want one with seed and step", err)
			}
		})
	}
}

// TestLawBites runs the law on every fault whose subject it covers at all: it
// makes no calls at the same time, and no long or odd values.
func TestLawBites(t *testing.T) {
	for _, f := range verbFaults {
		switch group, _, _ := strings.Cut(f.clause, "/"); {
		case group == "Context", f.clause == "Create/similar-ids", f.clause == "Update/others", f.clause == "Delete/others":
			continue
		}
		t.Run(f.what, func(t *testing.T) {
			broken := newFaulty()
			f.make(broken)
			var err error
			for seed := uint64(0); seed < 8 && err == nil; seed++ {
				err = Law(t.Context(), broken.env(), seed, 500)
			}
			if err == nil {
				t.Error("the law holds on the faulty store")
			}
		})
	}
}
