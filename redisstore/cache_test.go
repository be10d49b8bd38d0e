package redisstore_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/interleavings"
	"github.com/expanse-go/session/internal/pagemodel"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessiontest"
)

func openCached(tb testing.TB, c redis.UniversalClient, prefix string, keep time.Duration) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(c, redisstore.Config{Prefix: prefix, CacheFor: keep})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// In one process, a store with a cache differs from one without in nothing but its speed.
func TestCacheInOneProcess(t *testing.T) {
	c := dial(t, nil)
	sessiontest.TestStore(t, sessiontest.Harness{
		Open: func(tb testing.TB) session.Store { return openCached(tb, c, prefix(tb), time.Minute) },
	})
	s := openCached(t, c, prefix(t), time.Minute)
	for _, tc := range append(interleavings.Pairs(true), interleavings.Others()...) {
		tc.Check(t, s)
	}
	for range 5 {
		if err := pagemodel.Walk(s, rand.Uint64(), 40); err != nil {
			t.Fatal(err)
		}
	}
}

// Loads of a session that is known send nothing, and the caller owns what they return.
func TestCacheHits(t *testing.T) {
	var sent commands
	s := openCached(t, hooked(t, sent.process), prefix(t), time.Minute)
	r := created(t, s, "ana")
	for range 3 {
		got, err := s.Load(t.Context(), r.ID)
		if err != nil || string(got.Data) != "data" {
			t.Fatalf("got %v, %v", got, err)
		}
		clear(got.Data)
	}
	if names := sent.take(); !slices.Equal(names[len(names)-1:], []string{"get"}) || slices.Contains(names[:len(names)-1], "get") {
		t.Errorf("sent %q, want one GET", names)
	}
}

// What another process does is noticed after CacheFor.
func TestCacheForgets(t *testing.T) {
	p, c := prefix(t), dial(t, nil)
	s, other := openCached(t, c, p, 50*time.Millisecond), open(t, c, p)
	r := created(t, s, "ana")
	if _, err := s.Load(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	is(t, "Delete", other.Delete(t.Context(), r.ID), nil)
	for {
		_, err := s.Load(t.Context(), r.ID)
		if err != nil {
			is(t, "Load", err, session.ErrNotFound)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// A load that is slower than a write of the same process does not bring the older session back.
func TestCacheAndSlowLoad(t *testing.T) {
	var slow atomic.Bool
	loaded, goOn := make(chan bool), make(chan bool)
	s := openCached(t, hooked(t, func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
		err := next(ctx, cmd)
		if cmd.Name() == "get" && slow.CompareAndSwap(true, false) {
			loaded <- true
			<-goOn
		}
		return err
	}), prefix(t), time.Minute)
	for name, end := range map[string]func(session.Record) error{
		"Delete": func(r session.Record) error { return s.Delete(t.Context(), r.ID) },
		"DeleteOwned": func(r session.Record) error {
			_, err := s.DeleteOwned(t.Context(), "ana", []session.ID{r.ID})
			return err
		},
		"Update": func(r session.Record) error { r.Owner = ""; return s.Update(t.Context(), r) },
	} {
		r := created(t, s, "ana")
		slow.Store(true)
		done := make(chan error)
		go func() { _, err := s.Load(t.Context(), r.ID); done <- err }()
		<-loaded
		is(t, name, end(r), nil)
		goOn <- true
		is(t, "the slow load", <-done, nil)
		if got, err := s.Load(t.Context(), r.ID); err == nil && got.Owner == "ana" {
			t.Errorf("after %s, a load returns the session as it was before", name)
		}
	}
}

// The cache does not grow without limit.
func TestCacheIsBounded(t *testing.T) {
	var sent commands
	s := openCached(t, hooked(t, sent.process), prefix(t), time.Minute)
	var rs []session.Record
	for i := range 5 { // in one shard
		r := record("")
		r.ID[0], r.Data = 0, make([]byte, 400_000)
		if i == 4 {
			r.Data = make([]byte, 2<<20) // too large for it
		}
		is(t, "Create", s.Create(t.Context(), r), nil)
		rs = append(rs, r)
	}
	for range 2 {
		sent.take()
		for _, r := range rs {
			if got, err := s.Load(t.Context(), r.ID); err != nil || len(got.Data) != len(r.Data) {
				t.Fatal(err)
			}
		}
	}
	if n := len(sent.take()); n < 3 {
		t.Errorf("only %d of 5 loads asked the server: the cache has grown beyond its limit", n)
	}
}
