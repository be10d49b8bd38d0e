package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/internal/interleavings"
	"github.com/expanse-go/session/memstore"
)

// TestInterleavings checks every cell of the tables in docs/interleavings.md, in every
// order. With -update, it writes the file from the same tables.
func TestInterleavings(t *testing.T) {
	const file = "docs/interleavings.md"
	if *update {
		if err := os.WriteFile(file, []byte(interleavings.Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != interleavings.Markdown() {
		t.Errorf("%s is not what the tables say; run: go test -run TestInterleavings -update", file)
	}
	pairs, others := interleavings.Pairs(false), interleavings.Others()
	if got, want := len(pairs), 13*13*10; got != want || len(others) < 10 {
		t.Errorf("%d cases of two and %d others; want %d, and at least 10", got, len(others), want)
	}
	store := memstore.New(memstore.Config{})
	for _, c := range append(pairs, others...) {
		t.Run(c.Name(), func(t *testing.T) {
			c.Check(t, store)
			c.Check(t, store, store) // two managers
		})
	}
	t.Logf("%d interleavings", 2*(len(pairs)+len(others)))
}

// TestInterleavingsOfWatches checks the table of watches, in one process and in two.
func TestInterleavingsOfWatches(t *testing.T) {
	cases := interleavings.Watches()
	if want := 16 * 3; len(cases) != want {
		t.Errorf("%d cases, want %d", len(cases), want)
	}
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			t.Parallel()
			store := memstore.New(memstore.Config{})
			c.Check(t, store)
			c.Check(t, store, store)
			c.Want += "."
			f := &failing{TB: t}
			if c.Check(f, store); len(f.texts) == 0 { // a wrong table fails
				t.Errorf("the check accepts %q", c.Want)
			}
		})
	}
}

// TestInterleavingsOfThree checks what holds in every order of three requests.
func TestInterleavingsOfThree(t *testing.T) {
	store := memstore.New(memstore.Config{})
	n := 0
	for c := range interleavings.Threes() {
		if n++; n%2 == 0 {
			c.Check(t, store)
		} else {
			c.Check(t, store, store)
		}
	}
	if want := 120 * 90; n != want {
		t.Errorf("%d orders were run, want %d", n, want)
	}
	t.Logf("%d interleavings", n)
}

// TestInterleavingsInFiles checks them with two processes on one folder.
func TestInterleavingsInFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	var stores []session.Store
	for range 2 {
		store, err := filestore.Open(dir, filestore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		stores = append(stores, store)
	}
	cases := append(interleavings.Pairs(true), interleavings.Others()...)
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) { c.Check(t, stores...) })
	}
	t.Logf("%d interleavings", len(cases))
}

// TestInterleavingsCanFail: a wrong table fails the check.
func TestInterleavingsCanFail(t *testing.T) {
	store := memstore.New(memstore.Config{})
	for _, c := range interleavings.Others() {
		c.Want += "."
		f := &failing{TB: t}
		if c.Check(f, store); len(f.texts) != 1 || !strings.Contains(f.texts[0], c.Name()) || !strings.Contains(f.texts[0], c.Want) {
			t.Errorf("%s: the test says %q, want that it is not %q", c.Name(), f.texts, c.Want)
		}
	}
}

// failing is a testing.TB that records failures.
type failing struct {
	testing.TB
	texts []string
}

func (f *failing) Helper() {}
func (f *failing) Errorf(format string, a ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, a...))
}
