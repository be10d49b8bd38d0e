package sessiontest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

func newManager(t *testing.T) *session.Manager {
	t.Helper()
	m, err := session.New(newStore(), session.Config{})
	must(t, err)
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	return m
}

func TestNewRequest(t *testing.T) {
	m := newManager(t)
	r := sessiontest.NewRequest(t, m, "POST", "/cart?x=1", func(s *session.Session) {
		s.Login("ana")
		s.Set("cart.items", 2)
	})
	if r.Method != "POST" || r.URL.RawQuery != "x=1" {
		t.Errorf("got %s %s", r.Method, r.URL)
	}
	w := httptest.NewRecorder()
	m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		if got := s.Owner(); got != "ana" {
			t.Errorf("in the handler: owner %q, want ana", got)
		}
		session.Update(s, "cart.items", func(n int) int { return n + 1 })
	}).ServeHTTP(w, r)
	s := sessiontest.Session(t, m, r, w.Result())
	if got, want := session.Get(s, "cart.items", 0), 3; got != want {
		t.Errorf("after the request: %d items, want %d", got, want)
	}
}

// TestSessionFollowsTheResponse covers a rotated token, a new session, and a deleted
// one.
func TestSessionFollowsTheResponse(t *testing.T) {
	m := newManager(t)
	seeded := func(s *session.Session) { s.Set("k", "old") }
	for _, test := range []struct {
		name   string
		seed   func(*session.Session)
		handle func(*session.Session)
		want   string
	}{
		{"untouched", seeded, func(*session.Session) {}, "old"},
		{"rotated", seeded, func(s *session.Session) { s.Login("ana"); s.Set("k", "new") }, "new"},
		{"deleted", seeded, (*session.Session).Invalidate, "none"},
		{"new", nil, func(s *session.Session) { s.Set("k", "new") }, "new"},
		{"none", nil, func(*session.Session) {}, "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := sessiontest.NewRequest(t, m, "GET", "/", test.seed)
			w := httptest.NewRecorder()
			m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { test.handle(s) }).ServeHTTP(w, r)
			if got := session.Get(sessiontest.Session(t, m, r, w.Result()), "k", "none"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if s := sessiontest.Session(t, m, nil, nil); !s.IsNew() {
		t.Error("without request and response the session is not new")
	}
}

func TestCookie(t *testing.T) {
	m := newManager(t)
	if k := sessiontest.Cookie(t, m, nil); k != nil {
		t.Errorf("a session without values has cookie %v, want none", k)
	}
	k := sessiontest.Cookie(t, m, func(s *session.Session) { s.Set("k", "v") })
	if k == nil || k.Name != m.CookieName() {
		t.Fatalf("got cookie %v, want one named %s", k, m.CookieName())
	}
	c := sessiontest.NewClient(t, http.NotFoundHandler())
	c.SetCookie(k)
	if got := session.Get(c.Session(m), "k", ""); got != "v" {
		t.Errorf("the client's session has %q, want v", got)
	}
}
