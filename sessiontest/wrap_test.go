package sessiontest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

var errDown = errors.New("store is down")

func record(b byte) session.Record {
	now := time.Now().UTC()
	return session.Record{ID: session.ID{b}, Owner: "ana", CreatedAt: now, LastActivity: now, ExpiresAt: now.Add(time.Hour), Data: []byte("{}")}
}

// TestWrapChangesNothing runs the whole contract on a store that is wrapped twice.
func TestWrapChangesNothing(t *testing.T) {
	sessiontest.TestStore(t, sessiontest.Harness{Open: func(testing.TB) session.Store {
		return sessiontest.Wrap(sessiontest.Wrap(newStore(), passThrough), passThrough)
	}})
}

// capabilities returns the names of the capabilities of a store.
func capabilities(s session.Store) (names []string) {
	if _, ok := session.Capability[session.Toucher](s); ok {
		names = append(names, "Toucher")
	}
	if _, ok := session.Capability[session.Pruner](s); ok {
		names = append(names, "Pruner")
	}
	if _, ok := session.Capability[session.Lister](s); ok {
		names = append(names, "Lister")
	}
	if _, ok := session.Capability[session.OwnerLister](s); ok {
		names = append(names, "OwnerLister")
	}
	return names
}

func TestWrapKeepsCapabilities(t *testing.T) {
	type core struct{ session.Store }
	all := newStore()
	for _, s := range []session.Store{
		all,
		core{all},
		session.Discard,
		struct {
			core
			session.Toucher
		}{core{all}, all.(session.Toucher)},
		struct {
			core
			session.Lister
			session.Pruner
		}{core{all}, all.(session.Lister), all.(session.Pruner)},
	} {
		if got, want := capabilities(sessiontest.Wrap(s, passThrough)), capabilities(s); !slices.Equal(got, want) {
			t.Errorf("wrapped store has %q, want %q", got, want)
		}
	}
}

func TestWrapSeesEveryCall(t *testing.T) {
	var ops []string
	s := sessiontest.Wrap(newStore(), func(_ context.Context, c sessiontest.Call, next func() error) error {
		ops = append(ops, c.Op)
		if want := (session.ID{1}); c.ID != want && c.ID != (session.ID{}) {
			t.Errorf("%s: ID %s, want %s", c.Op, c.ID, want)
		}
		return next()
	})
	ctx := t.Context()
	r := record(1)
	must(t, s.Create(ctx, r))
	_, err := s.Load(ctx, r.ID)
	must(t, err)
	r.Version = 1
	must(t, s.Update(ctx, r))
	must(t, session.Touch(ctx, s, r.ID, r.LastActivity, r.ExpiresAt))
	_, err = session.Prune(ctx, s, r.CreatedAt, 1)
	must(t, err)
	n := 0
	for range session.List(ctx, s) {
		n++
	}
	for range session.ListOwner(ctx, s, "ana") {
		n++
	}
	if n != 2 {
		t.Errorf("%d records were listed, want 2", n)
	}
	must(t, s.Delete(ctx, r.ID))
	if want := []string{"create", "load", "update", "touch", "prune", "list", "list-owner", "delete"}; !slices.Equal(ops, want) {
		t.Errorf("got calls %q, want %q", ops, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWrapFails(t *testing.T) {
	inner := newStore()
	down := true
	s := sessiontest.Wrap(inner, func(_ context.Context, _ sessiontest.Call, next func() error) error {
		if down {
			return errDown
		}
		return next()
	})
	ctx := t.Context()
	if err := s.Create(ctx, record(1)); !errors.Is(err, errDown) {
		t.Errorf("Create: got error %v, want %v", err, errDown)
	}
	if _, err := inner.Load(ctx, session.ID{1}); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a failing Create left something: %v", err)
	}
	for _, err := range session.List(ctx, s) {
		if !errors.Is(err, errDown) {
			t.Errorf("List: got error %v, want %v", err, errDown)
		}
	}
	down = false
	must(t, s.Create(ctx, record(1)))
}

func TestWrapLosesTheResult(t *testing.T) {
	inner := newStore()
	s := sessiontest.Wrap(inner, func(_ context.Context, _ sessiontest.Call, next func() error) error {
		return errors.Join(next(), errDown)
	})
	ctx := t.Context()
	if err := s.Create(ctx, record(1)); !errors.Is(err, errDown) {
		t.Errorf("Create: got error %v, want %v", err, errDown)
	}
	if _, err := inner.Load(ctx, session.ID{1}); err != nil {
		t.Errorf("the write did not take place: %v", err)
	}
	if r, err := s.Load(ctx, session.ID{1}); !errors.Is(err, errDown) || r.Data != nil {
		t.Errorf("Load: got %+v and error %v, want a zero record and %v", r, err, errDown)
	}
}

func TestWrapDamages(t *testing.T) {
	inner := newStore()
	s := sessiontest.Wrap(inner, func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "create" {
			c.Record.Owner = "ben"
		}
		err := next()
		if c.Op == "load" {
			c.Record.Data = []byte("garbage")
		}
		return err
	})
	ctx := t.Context()
	must(t, s.Create(ctx, record(1)))
	r, err := s.Load(ctx, session.ID{1})
	must(t, err)
	if r.Owner != "ben" || string(r.Data) != "garbage" {
		t.Errorf("got owner %q and data %q, want ben and garbage", r.Owner, r.Data)
	}
}

// TestWrapDelays delays an Update until after a Delete.
func TestWrapDelays(t *testing.T) {
	loaded, release := make(chan struct{}), make(chan struct{})
	s := sessiontest.Wrap(newStore(), func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "update" {
			close(loaded)
			<-release
		}
		return next()
	})
	ctx := t.Context()
	r := record(1)
	must(t, s.Create(ctx, r))
	r.Version = 1
	updated := make(chan error)
	go func() { updated <- s.Update(ctx, r) }()
	<-loaded
	must(t, s.Delete(ctx, r.ID))
	close(release)
	if err := <-updated; !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the late Update: got error %v, want %v", err, session.ErrNotFound)
	}
}

// broken yields one record and then an error.
type broken struct{ session.Store }

func (broken) List(context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		_ = yield(record(1), nil) && yield(session.Record{}, errDown)
	}
}

func TestWrapList(t *testing.T) {
	other := errors.New("another error")
	for _, test := range []struct {
		name string
		make func(next func() error) error
		want error
	}{
		{"as it is", func(next func() error) error { return next() }, errDown},
		{"replaced", func(next func() error) error { _ = next(); return other }, other},
		{"dropped", func(next func() error) error { _ = next(); return nil }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sessiontest.Wrap(broken{newStore()}, func(_ context.Context, _ sessiontest.Call, next func() error) error {
				return test.make(next)
			})
			n := 0
			var last error
			for _, err := range session.List(t.Context(), s) {
				if n++; err != nil {
					last = err
				}
			}
			wantN := 1
			if test.want != nil {
				wantN = 2
			}
			if n != wantN || !errors.Is(last, test.want) {
				t.Errorf("%d yields, the last error %v; want %d and %v", n, last, wantN, test.want)
			}
			for range session.List(t.Context(), s) {
				break // a sequence that yields again panics
			}
		})
	}
}
