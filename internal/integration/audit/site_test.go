package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

const cookieName = "__Host-session"

type handler = func(w http.ResponseWriter, r *http.Request, s *session.Session)

// A site is a manager whose clock the test controls. After the test, no token of a visitor may
// be in what the manager has logged or sent as an event (ID-8).
type site struct {
	*session.Manager
	tb    testing.TB
	clock *sessiontest.Clock

	mu     sync.Mutex
	out    bytes.Buffer
	kinds  []session.EventKind // without those that are routine
	tokens []string
}

func newSite(tb testing.TB, store session.Store, configure ...func(*session.Config)) *site {
	tb.Helper()
	st := &site{tb: tb, clock: sessiontest.NewClock(time.Now().UTC().Truncate(time.Second))}
	cfg := session.Config{
		Now: st.clock.Now, PruneEvery: -1, WatchEvery: -1, OnEvent: st.event,
		Logger: slog.New(slog.NewJSONHandler(st, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range configure {
		f(&cfg)
	}
	st.Manager = must(session.New(store, cfg))(tb)
	tb.Cleanup(st.quiet)
	return st
}

// Write takes the log.
func (st *site) Write(b []byte) (int, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.out.Write(b)
}

func (st *site) event(_ context.Context, e session.Event) {
	js, err := json.Marshal(e)
	st.mu.Lock()
	defer st.mu.Unlock()
	fmt.Fprintf(&st.out, "%+v %#v %s %v\n", e, e, js, err)
	if !e.Kind.Routine() {
		st.kinds = append(st.kinds, e.Kind)
	}
}

// took returns the kinds of the events since the last call, such as "created logged-out".
func (st *site) took() string {
	st.mu.Lock()
	defer st.mu.Unlock()
	text := strings.Trim(fmt.Sprint(st.kinds), "[]")
	st.kinds = nil
	return text
}

// quiet fails the test if a token, or its secret part, was logged.
func (st *site) quiet() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, token := range st.tokens[max(0, len(st.tokens)-20):] { // a flood has thousands
		for what, secret := range secrets(token) {
			if bytes.Contains(st.out.Bytes(), secret) {
				st.tb.Errorf("the %s was logged or sent as an event", what)
			}
		}
	}
}

// A visitor is a browser with at most one cookie.
type visitor struct {
	*site
	token string
}

func (st *site) visitor(token string) *visitor { return &visitor{st, token} }

// member returns a visitor who has signed in.
func (st *site) member(owner string) *visitor {
	st.tb.Helper()
	v := st.visitor("")
	v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login(owner)
		s.Set("data", owner)
	})
	if v.token == "" {
		st.tb.Fatal("a login set no cookie")
	}
	return v
}

// do sends a request, and keeps the cookie of the response.
func (v *visitor) do(method string, h handler) *httptest.ResponseRecorder {
	v.tb.Helper()
	r := httptest.NewRequest(method, "https://example.com/", nil)
	if v.token != "" {
		r.Header.Set("Cookie", v.CookieName()+"="+v.token)
	}
	w := v.serve(r, h)
	for _, c := range w.Result().Cookies() {
		v.token = c.Value
		if c.Value != "" {
			v.mu.Lock()
			v.tokens = append(v.tokens, c.Value)
			v.mu.Unlock()
		}
	}
	return w
}

// must is do for a request that must succeed.
func (v *visitor) must(method string, h handler) *httptest.ResponseRecorder {
	v.tb.Helper()
	w := v.do(method, h)
	if w.Code != http.StatusOK {
		v.tb.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w
}

func (st *site) serve(r *http.Request, h handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	st.HandlerFunc(h).ServeHTTP(w, r)
	return w
}

// sees returns the owner and the value "data" that a request with a token sees.
func (st *site) sees(token string) (seen string) {
	st.tb.Helper()
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	r.Header.Set("Cookie", st.CookieName()+"="+token)
	w := st.serve(r, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		seen = s.Owner() + "/" + session.Get(s, "data", "")
	})
	if w.Code != http.StatusOK || len(w.Header()["Set-Cookie"]) > 0 && token == "" {
		st.tb.Errorf("status %d, Set-Cookie %q", w.Code, w.Header()["Set-Cookie"])
	}
	return seen
}

// dead fails the test if a token gives access to anything.
func (st *site) dead(what, token string) {
	st.tb.Helper()
	if token == "" {
		st.tb.Errorf("%s: there is no token to test", what)
	}
	if got := st.sees(token); got != "/" {
		st.tb.Errorf("%s: the token still leads to %q", what, got)
	}
}

func (st *site) alive(what, token, want string) {
	st.tb.Helper()
	if got := st.sees(token); got != want {
		st.tb.Errorf("%s: the token leads to %q, want %q", what, got, want)
	}
}

func read(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	fmt.Fprint(w, session.Get(s, "data", ""))
}
func write(_ http.ResponseWriter, _ *http.Request, s *session.Session)  { s.Set("data", "late") }
func login(_ http.ResponseWriter, _ *http.Request, s *session.Session)  { s.Login("ada") }
func logout(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }

func equal[T comparable](tb testing.TB, what string, got, want T) {
	tb.Helper()
	if got != want {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// records returns all records of a store.
func records(tb testing.TB, s session.Store) (all []session.Record) {
	tb.Helper()
	for r, err := range session.List(tb.Context(), s) {
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}
