package storecheck

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// A fault is one bug in a store, and the clause that finds it.
type fault struct {
	clause string
	what   string
	make   func(f *faulty)
}

// TestFaults checks that each fault fails its clause and no other, and that there is a
// fault for every clause. So every clause can fail, and its name points at the bug.
//
// The faults are narrow on purpose, and some are artificial. A broad bug, such as an
// Update that inserts, violates several rules; see TestBroadFaults.
func TestFaults(t *testing.T) {
	faults := slices.Concat(fieldFaults, methodFaults, raceFaults, viewFaults, touchFaults, pruneFaults, listFaults, deleteOwnedFaults, importFaults, statFaults, broadcastFaults, persistenceFaults)
	untested := map[string]bool{}
	for _, c := range Clauses() {
		untested[c.Name] = true
	}
	for _, f := range faults {
		delete(untested, f.clause)
		t.Run(f.clause+"/"+strings.ReplaceAll(f.what, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if got := failedClauses(t, f.make); !slices.Equal(got, []string{f.clause}) {
				t.Errorf("a store with the fault %q fails %q, want exactly %q", f.what, got, f.clause)
			}
		})
	}
	for name := range untested {
		t.Errorf("no fault fails %s: nothing shows that the clause can fail", name)
	}
}

// failedClauses runs each clause on a new store, and returns the names of those that
// fail.
func failedClauses(t *testing.T, broken func(*faulty)) (names []string) {
	for _, c := range Clauses() {
		synctest.Test(t, func(t *testing.T) {
			f := newFaulty()
			broken(f)
			env := f.env()
			if c.Needs&^env.Capabilities() != 0 {
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
