package sessiontest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/expanse-go/session"
)

// A FaultyStore is a store that fails or waits when the test says so. Until then, it behaves
// like the underlying store, with the same capabilities, except [session.Viewer]. For other
// faults, such as damaged records, use [Wrap].
//
// The methods Fail, Lose and Hold name operations as in [Call].Op; without a name, they apply to
// all operations. The latest call that names an operation counts. All methods are safe for
// concurrent use.
type FaultyStore struct {
	session.Store

	tb     testing.TB
	mu     sync.Mutex
	faults map[string]fault
}

// A fault is what happens to the calls of an operation.
type fault struct {
	err  error // the result
	lost bool  // the call takes effect nevertheless
	hold *Hold
}

var operations = []string{
	"load", "create", "update", "delete", "touch", "prune", "list", "list-owner", "delete-owned",
	"import", "stat", "broadcast", "listen",
}

// NewFaultyStore returns a store that passes all calls on to s.
func NewFaultyStore(tb testing.TB, s session.Store) *FaultyStore {
	f := &FaultyStore{tb: tb, faults: make(map[string]fault)}
	f.Store = Wrap(s, f.around)
	return f
}

// Unwrap returns the store with all capabilities.
func (f *FaultyStore) Unwrap() session.Store { return f.Store }

// Fail makes the operations fail with err and without an effect, until [FaultyStore.Heal].
func (f *FaultyStore) Fail(err error, ops ...string) {
	f.tb.Helper()
	f.set(fault{err: err}, ops)
}

// Lose makes the operations take effect and then fail with err, until [FaultyStore.Heal], as if
// the connection broke before the answer arrived.
func (f *FaultyStore) Lose(err error, ops ...string) {
	f.tb.Helper()
	f.set(fault{err: err, lost: true}, ops)
}

// Hold makes the operations wait until [Hold.Release], like a slow store. A call whose context
// ends in the meantime returns the error of the context, without an effect. Each call of Hold
// releases itself at the end of the test.
func (f *FaultyStore) Hold(ops ...string) *Hold {
	f.tb.Helper()
	h := newHold()
	f.tb.Cleanup(h.Release)
	f.set(fault{hold: h}, ops)
	return h
}

// Heal ends all failures, and releases the waiting calls.
func (f *FaultyStore) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.faults {
		if t.hold != nil {
			t.hold.Release()
		}
	}
	clear(f.faults)
}

func (f *FaultyStore) set(t fault, ops []string) {
	f.tb.Helper()
	for _, op := range ops {
		if !slices.Contains(operations, op) {
			f.tb.Fatalf("unknown operation %q of a store; want one of %s", op, strings.Join(operations, ", "))
		}
	}
	if len(ops) == 0 {
		ops = operations
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, op := range ops {
		f.faults[op] = t
	}
}

func (f *FaultyStore) around(ctx context.Context, c Call, next func() error) error {
	f.mu.Lock()
	t := f.faults[c.Op]
	f.mu.Unlock()
	switch {
	case t.hold != nil:
		if err := t.hold.wait(ctx); err != nil {
			return err
		}
	case t.err != nil && t.lost:
		_ = next() // whoever calls the store does not learn how it went
		return t.err
	case t.err != nil:
		return t.err
	}
	return next()
}

// A Hold makes calls of a [FaultyStore] wait. Its methods are safe for concurrent use.
type Hold struct {
	released chan struct{}
	once     sync.Once
	mu       sync.Mutex
	n        int
	arrived  sync.Cond
}

func newHold() *Hold {
	h := &Hold{released: make(chan struct{})}
	h.arrived.L = &h.mu
	return h
}

// Await waits until n calls have arrived since the hold began. If they never arrive, the test
// runs into the time limit of go test, which prints where it waits.
func (h *Hold) Await(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.n < n {
		h.arrived.Wait()
	}
}

// Release lets all calls through, both waiting and later ones.
func (h *Hold) Release() { h.once.Do(func() { close(h.released) }) }

func (h *Hold) wait(ctx context.Context) error {
	h.mu.Lock()
	h.n++
	h.arrived.Broadcast()
	h.mu.Unlock()
	select {
	case <-h.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
