package sessiontest_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// persistent is a store whose data outlives its handles.
type persistent struct{ session.Store }

func (p persistent) Unwrap() session.Store { return p.Store }

func TestStoreWithAllCapabilities(t *testing.T) {
	handles := 0
	handle := func(_ testing.TB, s session.Store) session.Store {
		handles++
		return persistent{s.(persistent).Store}
	}
	sessiontest.TestStore(t, sessiontest.Harness{
		Open:   func(testing.TB) session.Store { return persistent{newStore()} },
		Reopen: handle,
		Share:  handle,
	})
	if handles < 5 {
		t.Errorf("%d handles were opened, want at least 5: restarts and second processes were not tested", handles)
	}
}

// TestStoreWithoutCapabilities also runs in the processes that TestFailures starts, with
// a fault that the environment names.
func TestStoreWithoutCapabilities(t *testing.T) {
	sessiontest.TestStore(t, sessiontest.Harness{Open: func(tb testing.TB) session.Store {
		core := struct{ session.Store }{newStore()}
		switch os.Getenv("SESSIONTEST_FAULT") {
		case "upsert":
			return sessiontest.Wrap(core, func(_ context.Context, c sessiontest.Call, next func() error) error {
				err := next()
				if c.Op == "update" && errors.Is(err, session.ErrNotFound) {
					return nil
				}
				return err
			})
		case "open":
			tb.Fatal("no such server")
		}
		return core
	}})
}

// TestFailures checks the output of the test of a faulty store.
func TestFailures(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, want := range map[string]struct{ says, not string }{
		"none":   {"PASS", "FAIL"},
		"upsert": {"--- FAIL: TestStoreWithoutCapabilities/Update/deleted", "--- FAIL: TestStoreWithoutCapabilities/Load"},
		"open":   {"no such server", "panic"},
	} {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestStoreWithoutCapabilities$", "-test.v")
			cmd.Env = append(os.Environ(), "SESSIONTEST_FAULT="+fault)
			out, err := cmd.CombinedOutput()
			if got, want := err == nil, fault == "none"; got != want {
				t.Errorf("passes: %t, want %t", got, want)
			}
			if !strings.Contains(string(out), want.says) || strings.Contains(string(out), want.not) {
				t.Errorf("want output with %q and without %q, got\n%s", want.says, want.not, out)
			}
		})
	}
}

func BenchmarkStore(b *testing.B) {
	sessiontest.BenchmarkStore(b, sessiontest.Harness{Open: func(testing.TB) session.Store { return newStore() }})
}

// TestBenchmarkStore runs each benchmark once, and checks which methods it calls.
func TestBenchmarkStore(t *testing.T) {
	if err := flag.Set("test.benchtime", "1x"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("test.benchtime", "1s") })
	var mu sync.Mutex
	calls := map[string]int{}
	testing.Benchmark(func(b *testing.B) {
		sessiontest.BenchmarkStore(b, sessiontest.Harness{Open: func(testing.TB) session.Store {
			return sessiontest.Wrap(newStore(), func(_ context.Context, c sessiontest.Call, next func() error) error {
				mu.Lock()
				defer mu.Unlock()
				err := next()
				if err != nil {
					t.Errorf("%s: %v", c.Op, err)
				}
				calls[c.Op]++
				return err
			})
		}})
	})
	for _, op := range []string{"load", "create", "update", "delete", "touch"} {
		if calls[op] < 2 {
			t.Errorf("%s was called %d times, want at least once alone and once in parallel", op, calls[op])
		}
	}
}
