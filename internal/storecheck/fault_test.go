package storecheck

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A fault is one mistake in a store, and the clause that finds it.
type fault struct {
	clause string
	what   string
	make   func(f *faulty)
}

// TestFaults checks that each fault trips its clause and no other, and that
// there is a fault for every clause. So every clause bites, and its name is the
// right place to look for the mistake.
//
// The faults are narrow on purpose, and some are far-fetched: a broad mistake,
// such as an Update that inserts, breaks several rules, and TestBroadFaults has
// those.
func TestFaults(t *testing.T) {
	faults := slices.Concat(fieldFaults, verbFaults, raceFaults, viewFaults, touchFaults, pruneFaults, listFaults, outliveFaults)
	untested := map[string]bool{}
	for _, c := range Clauses() {
		untested[c.Name] = true
	}
	for _, f := range faults {
		delete(untested, f.clause)
		t.Run(f.clause+"/"+strings.ReplaceAll(f.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if got := tripped(t, f.make); !slices.Equal(got, []string{f.clause}) {
				t.Errorf("a store with the fault %q trips %q, want exactly %q", f.what, got, f.clause)
			}
		})
	}
	for name := range untested {
		t.Errorf("no fault trips %s: nothing shows that the clause can fail", name)
	}
}

// tripped returns the names of the clauses that fail, each on a new store.
func tripped(t *testing.T, broken func(*faulty)) (names []string) {
	for _, c := range Clauses() {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty()
			broken(f)
			env := f.env()
			if c.Needs&^env.Powers() != 0 {
				return
			}
			if err := c.Check(t.Context(), env); err != nil {
				names = append(names, c.Name)
				if !strings.HasPrefix(err.Error(), "session: ") || errors.Unwrap(err) == nil {
					t.Errorf("error %q does not begin with session: or wraps nothing", err)
				}
				t.Log(err)
			}
		})
	}
	return names
}
