package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// health returns what the health handler answers.
func health(m *session.Manager) string {
	w := httptest.NewRecorder()
	m.HealthHandler().ServeHTTP(w, httptest.NewRequest("GET", "/ready", nil))
	return fmt.Sprintf("%d %s %s", w.Code, w.Header().Get("Cache-Control"), strings.TrimSpace(w.Body.String()))
}

const (
	healthy   = "200 no-store ok"
	unhealthy = "503 no-store the session store does not answer"
)

// TestHealth: the answer follows the store within two seconds, and contains nothing else.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		down := errors.New("dial tcp db.internal: password CANARY")
		equal(t, "health", health(g.Manager), healthy)
		g.spy.hook(func(string, session.ID) error { return down }, nil)
		time.Sleep(time.Second)
		equal(t, "health of a store that fails", health(g.Manager), unhealthy)
		if err := g.Health(t.Context()); !errors.Is(err, down) || !errors.As(err, new(*session.StoreError)) {
			t.Errorf("got %v", err)
		}
		equal(t, "events", g.kinds(), "failed") // of two calls
		g.spy.hook(nil, nil)
		time.Sleep(time.Second)
		equal(t, "health of a store that works again", health(g.Manager), healthy)
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "health of a manager that is closed", health(g.Manager), unhealthy)
		if err := g.Health(t.Context()); !errors.Is(err, session.ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// TestHealthFlood: many requests cause one load in a second.
func TestHealthFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		for range 3 {
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					for range 10 {
						equal(t, "health", health(g.Manager), healthy)
						time.Sleep(50 * time.Millisecond)
					}
				})
			}
			all.Wait()
			equal(t, "loads in half a second", g.spy.count("load"), 1)
			g.spy.taken()
			time.Sleep(time.Second)
		}
	})
}

// TestHealthHangs: a store that hangs, even without an eye on its context, holds nobody for more
// than a second, nor more than one goroutine.
func TestHealthHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		stuck := newGate()
		g.spy.hook(func(string, session.ID) error {
			stuck.pass()
			return nil
		}, nil)
		began := time.Now()
		equal(t, "health", health(g.Manager), unhealthy)
		equal(t, "time of the first answer", time.Since(began), time.Second)
		for range 10 {
			equal(t, "health", health(g.Manager), unhealthy)
		}
		equal(t, "time of the next answers", time.Since(began), time.Second)
		equal(t, "loads", g.spy.count("load"), 1)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Health(ctx); err == nil {
			t.Error("a caller that has gone gets no error")
		}
		close(stuck.open)
		g.spy.hook(nil, nil)
		time.Sleep(time.Second)
		equal(t, "health of a store that works again", health(g.Manager), healthy)
	})
}

// TestHealthOfPanic: a store that panics ends no process.
func TestHealthOfPanic(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.spy.hook(func(string, session.ID) error { panic("test") }, nil)
	equal(t, "health", health(g.Manager), unhealthy)
}

// ExampleManager_HealthHandler serves a readiness probe that depends on the store, and a
// liveness probe that does not.
func ExampleManager_HealthHandler() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /ready", manager.HealthHandler())
	mux.HandleFunc("GET /alive", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/ready", nil))
	fmt.Print(w.Code, " ", w.Body)
	// Output: 200 ok
}
