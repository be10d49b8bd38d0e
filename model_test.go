package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/internal/pagemodel"
	"github.com/expanse-go/session/memstore"
)

// TestModel compares sessions with a plain model, over random sequences of all
// operations in several requests, with idle time between them.
func TestModel(t *testing.T) {
	for range 300 {
		if err := pagemodel.Walk(memstore.New(memstore.Config{}), rand.Uint64(), 40); err != nil {
			t.Fatal(err)
		}
	}
}

// TestModelInFiles is TestModel on the file store.
func TestModelInFiles(t *testing.T) {
	store, err := filestore.Open(t.TempDir(), filestore.Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for range 20 {
		if err := pagemodel.Walk(store, rand.Uint64(), 40); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiscardKeepsNothing checks that the model detects a store that forgets.
func TestDiscardKeepsNothing(t *testing.T) {
	if err := pagemodel.Walk(session.Discard, 1, 40); err == nil {
		t.Fatal("the model did not notice that nothing is kept")
	}
}
