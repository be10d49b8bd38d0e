package storecheck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

func TestCorrectStore(t *testing.T) {
	if got := failedClauses(t, func(*faulty) {}); got != nil {
		t.Errorf("a correct store fails %q", got)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Clauses() {
		if !regexp.MustCompile(`^[A-Z][A-Za-z]+/[a-z0-9-]+$`).MatchString(c.Name) {
			t.Errorf("the name %q does not have the form Update/stale-version", c.Name)
		}
		if seen[c.Name] {
			t.Errorf("two clauses have the name %s", c.Name)
		}
		seen[c.Name] = true
		if c.Rule == "" {
			t.Errorf("%s has no rule", c.Name)
		}
	}
}

// addForeignRecords stores records that do not belong to the clauses: one of every kind
// that a clause could use by mistake.
func addForeignRecords(m *mem) {
	now := time.Now()
	for i, expires := range []time.Time{
		now.Add(time.Hour), now.Add(-time.Minute), now.Add(-2 * time.Hour), now.Add(-3 * 365 * 24 * time.Hour),
	} {
		for j, owner := range []string{"", "user-42", "the same", "%"} {
			r := session.Record{
				ID: session.ID{1, byte(i), byte(j)}, Owner: owner, Client: session.Client{Address: "203.0.113.5"},
				CreatedAt: now, LastActivity: now, ExpiresAt: expires, Data: fmt.Append(nil, i, j),
			}
			r.Version = uint64(i)
			m.put(r)
		}
	}
}

// TestOccupied runs the clauses one after the other on a store that contains other
// records. Afterwards the store must contain exactly those, unchanged.
func TestOccupied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMem()
		addForeignRecords(m)
		before := maps.Clone(m.m)
		ran := 0
		for c, err := range Run(t.Context(), Env{Store: m, Reopen: m.reopen, Share: m.reopen, Occupied: true}) {
			ran++
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if want := len(Clauses()); ran != want {
			t.Errorf("%d clauses ran, want %d", ran, want)
		}
		if len(m.m) != len(before) {
			t.Errorf("the store has %d records, want the %d from before", len(m.m), len(before))
		}
		for id, r := range before {
			if err := diff(m.m[id], r); err != nil {
				t.Errorf("a foreign record was changed: %v", err)
			}
		}
	})
}

// TestOccupiedFaults checks that the clauses find faults in a store with other records,
// too.
func TestOccupiedFaults(t *testing.T) {
	for _, f := range slices.Concat(methodFaults, pruneFaults) {
		synctest.Test(t, func(t *testing.T) {
			broken := newFaulty()
			f.make(broken)
			addForeignRecords(broken.mem)
			env := broken.env()
			env.Occupied = true
			for c, err := range Run(t.Context(), env) {
				if c.Name == f.clause && err == nil {
					t.Errorf("the fault %q does not fail %s", f.what, c.Name)
				}
			}
		})
	}
}

// core hides the capabilities of a store.
type core struct{ session.Store }

func TestUnsupported(t *testing.T) {
	for c, err := range Run(t.Context(), Env{Store: core{newMem()}}) {
		if got, want := errors.Is(err, errors.ErrUnsupported), c.Needs != 0; got != want {
			t.Errorf("%s, which needs %q: unsupported %t, want %t (%v)", c.Name, c.Needs, got, want, err)
		}
		if c.Needs == 0 && err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

func TestRunEnds(t *testing.T) {
	next, stop := iter.Pull2(Run(t.Context(), Env{Store: newMem()}))
	if c, err, ok := next(); !ok || err != nil {
		t.Errorf("first clause: %q, %v, %t", c.Name, err, ok)
	}
	stop()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for c := range Run(ctx, Env{Store: newMem()}) {
		t.Errorf("%s runs although the context has ended", c.Name)
	}
}

// leaky cannot delete the records of the clauses.
type leaky struct{ *mem }

func (l leaky) Delete(context.Context, session.ID) error { return errors.New("read-only") }

func TestLeftBehind(t *testing.T) {
	c := Clauses()[slices.IndexFunc(Clauses(), func(c Clause) bool { return c.Name == "Create/version" })]
	if err := c.Check(t.Context(), Env{Store: leaky{newMem()}, Occupied: true}); err == nil || !strings.Contains(err.Error(), "left behind") {
		t.Errorf("in an occupied store: got error %v, want one that names the record left behind", err)
	}
	if err := c.Check(t.Context(), Env{Store: leaky{newMem()}}); err != nil {
		t.Errorf("in a store of its own: got error %v, want nil", err)
	}
}

func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaulty()
		never := make(chan struct{})
		f.load = func(ctx context.Context, id session.ID) (session.Record, error) {
			<-never
			return session.Record{}, session.ErrNotFound
		}
		start := time.Now()
		err := Clauses()[0].Check(t.Context(), Env{Store: f})
		if err == nil || !strings.Contains(err.Error(), "hangs") {
			t.Errorf("got error %v, want one that says hangs", err)
		}
		if got := time.Since(start); got > 2*Timeout {
			t.Errorf("Check took %v", got)
		}
		close(never)
	})
}

// TestGiveUp ends the goroutine, as testing.T.Fatal in a harness does.
func TestGiveUp(t *testing.T) {
	c := Clauses()[slices.IndexFunc(Clauses(), func(c Clause) bool { return c.Name == "Reopen/deleted" })]
	err := c.Check(t.Context(), Env{Store: newMem(), Reopen: func(context.Context, session.Store) (session.Store, error) {
		runtime.Goexit()
		return nil, nil
	}})
	if !errors.Is(err, errGaveUp) {
		t.Errorf("got error %v, want %v", err, errGaveUp)
	}
}
