package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// A Harness serves the routes with an adapter.
type Harness struct {
	// Serve starts a server with the adapter around the routes of app, on a loopback address
	// and without TLS, and returns its URL, such as "http://127.0.0.1:12345". It registers a
	// function that stops the server with tb.Cleanup. The suite calls it once for each clause.
	Serve func(tb testing.TB, app *App) string

	// OnError becomes the [session.Config].OnError of the manager. Set it if the adapter uses
	// that; otherwise leave it nil, so that the suite shows that the adapter doesn't.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Except holds the names of clauses that the framework makes impossible, each with the
	// reason. They do not run.
	Except map[string]string

	// Patience is how long a step of a clause may take, such as the arrival of a flushed event.
	// Only a faulty adapter makes the suite wait that long. Defaults to 20 seconds.
	Patience time.Duration
}

// Run checks an adapter against every clause of the suite. Each clause is a subtest with a
// server of its own and a name like "SavedBeforeRedirect".
func Run(t *testing.T, h Harness) {
	for _, c := range h.clauses(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if err := c.run(t, h); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check is like Run, but returns the errors, by the names of the clauses. A test can use it to
// show which promises another way of using a framework breaks.
func Check(tb testing.TB, h Harness) map[string]error {
	broken := make(map[string]error)
	for _, c := range h.clauses(tb) {
		if err := c.run(tb, h); err != nil {
			broken[c.name] = err
		}
	}
	return broken
}

// clauses returns the clauses that run.
func (h Harness) clauses(tb testing.TB) []clause {
	run := slices.Clone(clauses)
	for name, reason := range h.Except {
		n := len(run)
		run = slices.DeleteFunc(run, func(c clause) bool { return c.name == name })
		if len(run) == n {
			tb.Errorf("Except names %q, which is no clause", name)
		}
		if reason == "" {
			tb.Errorf("Except gives no reason for %q", name)
		}
	}
	return run
}

// A clause is one promise that adapters keep.
type clause struct {
	name  string
	rule  string
	check func(ctx context.Context, e *env) error
}

func (c clause) run(tb testing.TB, h Harness) error {
	if h.Patience == 0 {
		h.Patience = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 3*h.Patience)
	defer cancel()
	e := newEnv(tb, h)
	defer close(e.app.done)
	if err := c.check(ctx, e); err != nil {
		return fmt.Errorf("%s: %w", c.rule, err)
	}
	return nil
}

// An env is a server with one browser.
type env struct {
	app   *App
	store *store
	*browser
}

func newEnv(tb testing.TB, h Harness) *env {
	e := &env{app: newApp(h.Patience), store: &store{}}
	m, err := session.New(
		sessiontest.Wrap(memstore.New(memstore.Config{}), e.store.around),
		session.Config{Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}, TouchEvery: time.Hour, PruneEvery: -1, OnError: h.OnError, Logger: slog.New(slog.DiscardHandler)},
	)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := m.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	e.app.Manager = m
	e.browser = newBrowser(tb, h.Serve(tb, e.app))
	return e
}

// session returns the stored session that the cookie of the browser leads to.
func (e *env) session(ctx context.Context) (*session.Session, error) {
	return e.app.Manager.Load(ctx, session.Token(e.cookie(e.app.Manager.CookieName())))
}

// begin gives the browser a session.
func (e *env) begin(ctx context.Context) error {
	s, err := e.app.Manager.Load(ctx, "")
	if err != nil {
		return err
	}
	s.Set("begun", true)
	c, err := e.app.Manager.Commit(ctx, s)
	if err == nil {
		e.setCookie(c)
	}
	return err
}

// A store counts the calls of a store, and makes some fail.
type store struct {
	mu    sync.Mutex
	calls int
	down  map[string]bool // by Op
}

var errDown = errors.New("adaptertest: the store is down")

func (s *store) around(_ context.Context, c sessiontest.Call, next func() error) error {
	s.mu.Lock()
	s.calls++
	down := s.down[c.Op]
	s.mu.Unlock()
	if down {
		return errDown
	}
	return next()
}

// fail makes the operations fail from now on; without any, none fails.
func (s *store) fail(ops ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = make(map[string]bool)
	for _, op := range ops {
		s.down[op] = true
	}
}

// count returns the number of calls since the last count.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.calls
	s.calls = 0
	return n
}

// Clauses returns the names of all clauses.
func Clauses() []string {
	names := make([]string, len(clauses))
	for i, c := range clauses {
		names[i] = c.name
	}
	return names
}
