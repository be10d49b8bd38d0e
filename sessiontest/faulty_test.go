package sessiontest_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

func TestFaultyStoreContract(t *testing.T) {
	sessiontest.TestStore(t, sessiontest.Harness{
		Open: func(tb testing.TB) session.Store { return sessiontest.NewFaultyStore(tb, newStore()) },
	})
}

// TestFaultyStoreOperations fails each operation of the contract, and loses its answer.
func TestFaultyStoreOperations(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	below := newStore()
	store := sessiontest.NewFaultyStore(t, below)
	r := session.Record{ID: session.ID{1}, ExpiresAt: time.Now().Add(time.Hour)}
	load := func() error { _, err := store.Load(ctx, r.ID); return err }
	touch := func() error { return session.Touch(ctx, store, r.ID, time.Now(), time.Now().Add(2*time.Hour)) }
	stored := func() bool { _, err := below.Load(ctx, r.ID); return err == nil }

	store.Fail(errDown)
	for name, call := range map[string]func() error{
		"load": load, "create": func() error { return store.Create(ctx, r) }, "update": func() error { return store.Update(ctx, r) },
		"delete": func() error { return store.Delete(ctx, r.ID) }, "touch": touch,
	} {
		if err := call(); !errors.Is(err, errDown) {
			t.Errorf("%s: %v, want the error of Fail", name, err)
		}
	}
	if stored() {
		t.Error("a create that failed has stored the record")
	}
	store.Heal()
	must(t, store.Create(ctx, r))
	store.Fail(errDown, "load", "touch")
	if err := load(); !errors.Is(err, errDown) {
		t.Errorf("load: %v, want the error of Fail", err)
	}
	store.Lose(errDown, "delete")
	if err := store.Delete(ctx, r.ID); !errors.Is(err, errDown) || stored() {
		t.Errorf("delete: %v, stored %t; want the error of Lose after the deletion", err, stored())
	}
	if err := store.Create(ctx, r); err != nil {
		t.Errorf("an operation that does not fail: %v", err)
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := sessiontest.NewFaultyStore(t, newStore())
		hold := store.Hold("load")
		done := make(chan error)
		for range 2 {
			go func() {
				_, err := store.Load(t.Context(), session.ID{1})
				done <- err
			}()
		}
		hold.Await(2)
		select {
		case err := <-done:
			t.Fatalf("a call has not waited: %v", err)
		default:
		}
		hold.Release()
		for range 2 {
			if err := <-done; !errors.Is(err, session.ErrNotFound) {
				t.Errorf("after the release: %v, want the answer of the store", err)
			}
		}

		store.Hold("delete")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := store.Delete(ctx, session.ID{1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the context: %v, want its error", err)
		}
		go func() { done <- store.Delete(t.Context(), session.ID{1}) }()
		synctest.Wait()
		store.Heal()
		if err := <-done; err != nil {
			t.Errorf("after Heal: %v", err)
		}
	})
}

// TestSlowStore shows how a request ends whose store is too slow.
func TestSlowStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := sessiontest.NewFaultyStore(t, newStore())
		m, err := session.New(store, session.Config{})
		must(t, err)
		defer m.Close(t.Context())
		c := sessiontest.NewClient(t, m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("k", 1) }))
		store.Hold("create")
		if w := c.Get("/"); w.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", w.StatusCode)
		}
	})
}

func TestFaultyStoreRefusesUnknownOperations(t *testing.T) {
	t.Parallel()
	rec := &recorder{TB: t}
	rec.run(func() { sessiontest.NewFaultyStore(rec, newStore()).Fail(errDown, "lod") })
	if got := rec.text(); !strings.Contains(got, `"lod"`) || !strings.Contains(got, "load, create") {
		t.Errorf("got %q, want the wrong and the right names", got)
	}
}
