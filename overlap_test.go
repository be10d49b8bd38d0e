package session_test

import (
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/pagemodel"
	"github.com/expanse-go/session/memstore"
)

// TestOverlaps compares overlapping requests with a plain model: streams, requests that
// outlive the limits of their sessions, replaced tokens, and commits in another order than
// the loads.
func TestOverlaps(t *testing.T) {
	for range 150 {
		store := memstore.New(memstore.Config{})
		if err := pagemodel.Overlap([]session.Store{store, store}, rand.Uint64N(1e9), 120); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOverlapsOfDiscard checks that the model of overlapping requests detects a store that
// forgets.
func TestOverlapsOfDiscard(t *testing.T) {
	if err := pagemodel.Overlap([]session.Store{session.Discard, session.Discard}, 1, 120); err == nil {
		t.Fatal("the model did not notice that nothing is kept")
	}
}
