package natstest_test

import (
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session/internal/interleavings"
	"github.com/expanse-go/session/internal/pagemodel"
)

// The tables of docs/interleavings.md, with one process and with two processes on one
// bucket.
func TestInterleavings(t *testing.T) {
	url := startServers(t, 1).URL()
	js := connect(t, url)
	newBucket(t, js, "sessions", 1)
	one, other := open(t, js, "sessions"), open(t, connect(t, url), "sessions")
	cases := append(interleavings.Pairs(true), interleavings.Others()...)
	for _, c := range cases {
		t.Run(c.Name(), func(t *testing.T) {
			c.Check(t, one)
			c.Check(t, one, other)
		})
	}
	watches := interleavings.Watches()
	for _, c := range watches {
		t.Run("watch "+c.Name(), func(t *testing.T) {
			c.Check(t, one)
			c.Check(t, one, other)
		})
	}
	t.Logf("%d interleavings", 2*(len(cases)+len(watches)))
}

// TestModel compares the sessions with a plain model: all operations in random order, over
// several requests with idle time between them.
func TestModel(t *testing.T) {
	js := connect(t, startServers(t, 1).URL())
	newBucket(t, js, "sessions", 1)
	for range 5 {
		if err := pagemodel.Walk(open(t, js, "sessions"), rand.Uint64(), 40); err != nil {
			t.Fatal(err)
		}
	}
}
