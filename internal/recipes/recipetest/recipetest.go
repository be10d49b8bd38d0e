// Package recipetest is what the tests of all recipes need.
package recipetest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// A Manager is a manager whose store can fail, and which counts the calls of the store.
type Manager struct {
	*session.Manager
	Down  atomic.Bool // writes fail
	Dead  atomic.Bool // reads fail, too
	Calls atomic.Int32
}

var errDown = errors.New("recipetest: the store is down")

// NewManager returns a manager that the end of the test closes.
func NewManager(tb testing.TB, cfg session.Config) *Manager {
	m := &Manager{}
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, c sessiontest.Call, next func() error) error {
		m.Calls.Add(1)
		if m.Dead.Load() || m.Down.Load() && c.Op != "load" {
			return errDown
		}
		return next()
	})
	var err error
	if m.Manager, err = session.New(store, cfg); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	return m
}

// Serve serves a handler over HTTP/2 with TLS until the end of the test.
func Serve(tb testing.TB, h http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	tb.Cleanup(server.Close)
	return server
}

// NewClient returns a browser of a handler that is served by [Serve].
func NewClient(tb testing.TB, h http.Handler) *sessiontest.Client {
	return sessiontest.NewServerClient(tb, Serve(tb, h))
}
