package storecheck

import (
	"context"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

func TestCompareWithModel(t *testing.T) {
	for seed := range uint64(20) {
		m := newMem()
		if err := CompareWithModel(t.Context(), Env{Store: m, Reopen: m.reopen}, seed, 1000); err != nil {
			t.Error(err)
		}
		if len(m.m) != 0 {
			t.Errorf("%d records are left behind", len(m.m))
		}
		if err := CompareWithModel(t.Context(), Env{Store: core{newMem()}}, seed, 300); err != nil {
			t.Error(err)
		}
	}
}

// TestModelFindsRareFaults has faults that no clause can find, because each needs an
// unusual sequence of operations.
func TestModelFindsRareFaults(t *testing.T) {
	for what, broken := range map[string]func(*faulty){
		"the third update of a record of Ana appends a byte": updated(func(_ *faulty, r *session.Record) {
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
			if got := failedClauses(t, broken); got != nil {
				t.Errorf("the clauses %q find the fault, too", got)
			}
			f := newFaulty()
			broken(f)
			err := CompareWithModel(t.Context(), f.env(), 1, 2000)
			if err == nil || !strings.Contains(err.Error(), "seed 1, step ") {
				t.Errorf("got error %v, want one with seed and step", err)
			}
		})
	}
}

// TestModelFindsFaults checks that the comparison finds every fault that it covers. It
// covers neither concurrent calls nor long or unusual values.
func TestModelFindsFaults(t *testing.T) {
	for _, f := range methodFaults {
		switch group, _, _ := strings.Cut(f.clause, "/"); {
		case group == "Context", f.clause == "Create/similar-ids", f.clause == "Update/others", f.clause == "Delete/others":
			continue
		}
		t.Run(f.what, func(t *testing.T) {
			broken := newFaulty()
			f.make(broken)
			var err error
			for seed := uint64(0); seed < 8 && err == nil; seed++ {
				err = CompareWithModel(t.Context(), broken.env(), seed, 500)
			}
			if err == nil {
				t.Error("the comparison does not find the fault")
			}
		})
	}
}
