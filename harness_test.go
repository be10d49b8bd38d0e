package session_test

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// A spyStore is a correct store that records every call and runs hooks. The hooks run
// without its lock, so they may block and call the store.
type spyStore struct {
	mu      sync.Mutex
	records map[session.ID]session.Record
	calls   []string

	before func(op string, id session.ID) error            // with an error, the call does nothing
	after  func(op string, id session.ID, err error) error // replaces the error; the effect stays
}

func newSpyStore() *spyStore { return &spyStore{records: map[session.ID]session.Record{}} }

func (s *spyStore) call(op string, id session.ID, f func() error) error {
	s.mu.Lock()
	s.calls = append(s.calls, op)
	before, after := s.before, s.after
	s.mu.Unlock()
	var err error
	if before != nil {
		err = before(op, id)
	}
	if err == nil {
		s.mu.Lock()
		err = f()
		s.mu.Unlock()
		if after != nil {
			err = after(op, id, err)
		}
	}
	return err
}

func (s *spyStore) Load(_ context.Context, id session.ID) (r session.Record, err error) {
	err = s.call("load", id, func() error {
		var ok bool
		if r, ok = s.records[id]; !ok {
			return session.ErrNotFound
		}
		r.Data = bytes.Clone(r.Data)
		return nil
	})
	return r, err
}

func (s *spyStore) Create(_ context.Context, r session.Record) error {
	return s.call("create", r.ID, func() error {
		if _, ok := s.records[r.ID]; ok {
			return session.ErrConflict
		}
		r.Version, r.Data = 1, bytes.Clone(r.Data)
		s.records[r.ID] = r
		return nil
	})
}

func (s *spyStore) Update(_ context.Context, r session.Record) error {
	return s.call("update", r.ID, func() error {
		old, ok := s.records[r.ID]
		switch {
		case !ok:
			return session.ErrNotFound
		case old.Version != r.Version:
			return session.ErrConflict
		}
		r.Version, r.Data = r.Version+1, bytes.Clone(r.Data)
		s.records[r.ID] = r
		return nil
	})
}

func (s *spyStore) Delete(_ context.Context, id session.ID) error {
	return s.call("delete", id, func() error {
		delete(s.records, id)
		return nil
	})
}

func (s *spyStore) Touch(_ context.Context, id session.ID, activity, expires time.Time) error {
	return s.call("touch", id, func() error {
		if r, ok := s.records[id]; ok {
			r.LastActivity = latest(r.LastActivity, activity)
			r.ExpiresAt = latest(r.ExpiresAt, expires)
			s.records[id] = r
		}
		return nil
	})
}

func (s *spyStore) List(context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for _, r := range s.all() {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// all returns the records, sorted by ID.
func (s *spyStore) all() []session.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.records), func(a, b session.Record) int {
		return cmp.Compare(a.ID.String(), b.ID.String())
	})
}

// put replaces a record without a call of the manager.
func (s *spyStore) put(r session.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Data = bytes.Clone(r.Data)
	s.records[r.ID] = r
}

// hook sets both hooks, which may be nil.
func (s *spyStore) hook(before func(string, session.ID) error, after func(string, session.ID, error) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.after = before, after
}

// taken returns the calls since it was last called, such as "load update".
func (s *spyStore) taken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := strings.Join(s.calls, " ")
	s.calls = nil
	return calls
}

func (s *spyStore) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == op {
			n++
		}
	}
	return n
}

// A gate blocks goroutines until it is opened.
type gate struct {
	reached chan struct{} // receives one value for each goroutine
	open    chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 1000), make(chan struct{})} }

func (g *gate) pass() {
	g.reached <- struct{}{}
	<-g.open
}

// A rig is a manager whose store, clock, log and events the test controls. Its clock
// stands still.
type rig struct {
	*session.Manager
	spy   *spyStore
	clock *sessiontest.Clock

	mu     sync.Mutex
	logs   bytes.Buffer
	events []session.Event // without those that are routine
	ops    []session.Event // those that end an operation
}

func newRig(t testing.TB, configure ...func(*session.Config)) *rig {
	t.Helper()
	return newRigOn(t, newSpyStore(), configure...)
}

// newRigOn is newRig with a given store; spy is nil if the store is not a spyStore.
func newRigOn(t testing.TB, store session.Store, configure ...func(*session.Config)) *rig {
	t.Helper()
	g := &rig{clock: sessiontest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	g.spy, _ = store.(*spyStore)
	cfg := session.Config{
		Now:        g.clock.Now,
		PruneEvery: -1,
		Logger:     slog.New(slog.NewTextHandler(g, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(_ context.Context, e session.Event) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if !e.Kind.Routine() {
				g.events = append(g.events, e)
			}
			if e.Op != "" {
				g.ops = append(g.ops, e)
			}
		},
	}
	for _, f := range configure {
		f(&cfg)
	}
	m, err := session.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	g.Manager = m
	return g
}

// Write appends to the log.
func (g *rig) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs.Write(b)
}

func (g *rig) log() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logs.String()
}

// kinds returns the kinds of the events since it was last called, such as "created
// late".
func (g *rig) kinds() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var kinds []string
	for _, e := range g.events {
		kinds = append(kinds, string(e.Kind))
	}
	g.events = nil
	return strings.Join(kinds, " ")
}

// data returns the data that a request with the token would see.
func (g *rig) data(t testing.TB, token string) map[string]any {
	t.Helper()
	s, err := g.Load(t.Context(), session.Token(token))
	if err != nil {
		t.Fatal(err)
	}
	return s.All()
}

type handler = func(w http.ResponseWriter, r *http.Request, s *session.Session)

// A browser keeps the cookies of one or several managers.
type browser struct {
	cookies map[string]string
	header  http.Header // sent with every request
	method  string
}

func newBrowser() *browser { return &browser{map[string]string{}, http.Header{}, "GET"} }

// with returns a browser that has only one token.
func (g *rig) with(token string) *browser {
	b := newBrowser()
	b.cookies[g.CookieName()] = token
	return b
}

func (b *browser) request(method string) *http.Request {
	r := httptest.NewRequest(method, "https://example.com/", nil)
	maps.Copy(r.Header, b.header)
	for _, name := range slices.Sorted(maps.Keys(b.cookies)) {
		r.AddCookie(&http.Cookie{Name: name, Value: b.cookies[name]})
	}
	return r
}

// submitting is with a browser that sends a form.
func (g *rig) submitting(token string) *browser {
	b := g.with(token)
	b.method = "POST"
	return b
}

// send sends a request to a handler, and keeps the cookies of the response.
func (b *browser) send(h http.Handler) reply {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, b.request(b.method))
	rep := reply{w, w.Result()}
	for _, c := range rep.result.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return rep
}

// visit runs one request with the session of the rig.
func (g *rig) visit(b *browser, h handler) reply { return b.send(g.HandlerFunc(h)) }

// token returns the token that the browser sends to the rig.
func (g *rig) token(b *browser) string { return b.cookies[g.CookieName()] }

// signedUp returns a browser whose session contains data, and clears the records of its
// calls and events.
func (g *rig) signedUp(t testing.TB, data string) *browser {
	t.Helper()
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", data) })
	if g.token(b) == "" {
		t.Fatal("no cookie for a new session")
	}
	g.kinds()
	if g.spy != nil {
		g.spy.taken()
	}
	return b
}

// A reply is a response.
type reply struct {
	*httptest.ResponseRecorder
	result *http.Response
}

// set returns the Set-Cookie headers.
func (r reply) set() []string { return r.result.Header["Set-Cookie"] }

func (r reply) expect(t testing.TB, code, cookies int) {
	t.Helper()
	if r.Code != code || len(r.set()) != cookies {
		t.Errorf("status %d, Set-Cookie %q; want %d and %d cookies; body %q", r.Code, r.set(), code, cookies, r.Body)
	}
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

var _ io.Writer = (*rig)(nil)

// stored creates a session with some data, and returns its token.
func stored(t *testing.T, m *session.Manager, seed func(*session.Session)) session.Token {
	t.Helper()
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	seed(s)
	c, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return session.Token(c.Value)
}

func load(t *testing.T, m *session.Manager, token session.Token) *session.Session {
	t.Helper()
	s, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
