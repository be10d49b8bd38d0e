package sessiontest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// A recorder records what a test reports.
type recorder struct {
	testing.TB

	lines []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.lines = append(r.lines, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); panic(r) }
func (r *recorder) text() string              { return strings.Join(r.lines, "\n") }

// run calls f, which Fatalf may end.
func (r *recorder) run(f func()) {
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	f()
}

func TestWant(t *testing.T) {
	t.Parallel()
	type cart struct{ Items []string }
	m := newManager(t)
	seed := func(s *session.Session) {
		s.Login("ana")
		s.Set("cart", cart{[]string{"tea"}})
		s.Set("n", 3)
		s.Flash("status", "Saved.")
	}
	s := sessiontest.Session(t, m, sessiontest.NewRequest(t, m, "GET", "/", seed), nil)
	for _, test := range []struct {
		name string
		want func(tb testing.TB)
		text string // what is reported; "" for nothing
	}{
		{"a value", func(tb testing.TB) { sessiontest.WantValue(tb, s, "cart", cart{[]string{"tea"}}) }, ""},
		{"a value in another", func(tb testing.TB) { sessiontest.WantValue(tb, s, "cart.Items", []string{"tea"}) }, ""},
		{"another value", func(tb testing.TB) { sessiontest.WantValue(tb, s, "n", 4) }, `session: the value at "n" is 3, want 4`},
		{"another type", func(tb testing.TB) { sessiontest.WantValue(tb, s, "n", "3") }, `session: the value at "n" is 3, which is no string; want 3`},
		{"no value", func(tb testing.TB) { sessiontest.WantValue(tb, s, "m", 4) }, `session: no value at "m", want 4; the session has the keys ["cart" "n" "status"]`},
		{"none", func(tb testing.TB) { sessiontest.WantNone(tb, s, "m", "cart.Price") }, ""},
		{"not none", func(tb testing.TB) { sessiontest.WantNone(tb, s, "m", "n") }, `session: the value at "n" is 3, want none`},
		{"keys", func(tb testing.TB) { sessiontest.WantKeys(tb, s, "status", "n", "cart") }, ""},
		{"other keys", func(tb testing.TB) { sessiontest.WantKeys(tb, s, "cart", "m", "status") }, "session: missing keys [\"m\"]\nsession: unexpected keys [\"n\"]"},
		{"owner", func(tb testing.TB) { sessiontest.WantOwner(tb, s, "ana") }, ""},
		{"another owner", func(tb testing.TB) { sessiontest.WantOwner(tb, s, "") }, `session: the owner is "ana", want ""`},
		{"flash", func(tb testing.TB) { sessiontest.WantFlash(tb, s, "status", "Saved.") }, ""},
		{"another message", func(tb testing.TB) { sessiontest.WantFlash(tb, s, "status", "Sent.") }, `session: the value at "status" is Saved., want Sent.`},
		{"no flash", func(tb testing.TB) { sessiontest.WantFlash(tb, s, "n", 3) }, `session: the value at "n" is no flash message; flash messages are at ["status"]`},
		{"no message", func(tb testing.TB) { sessiontest.WantFlash(tb, s, "m", 3) }, `session: no value at "m", want 3; the session has the keys ["cart" "n" "status"]`},
	} {
		rec := &recorder{TB: t}
		test.want(rec)
		if got := rec.text(); got != test.text {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.text)
		}
	}
}

func TestWantRotated(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	mux := http.NewServeMux()
	for path, act := range map[string]func(*session.Session){
		"/read": func(s *session.Session) { s.Has("k") }, "/login": func(s *session.Session) { s.Login("ana") },
		"/logout": (*session.Session).Invalidate,
	} {
		mux.Handle(path, m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { act(s) }))
	}
	for _, test := range []struct{ path, rotated, same string }{
		{"/read", "is the same as before", ""},
		{"/login", "", "has a new value"},
		{"/logout", "no cookie, want a new one", "is gone"},
	} {
		c := sessiontest.NewClient(t, mux)
		c.SetCookie(sessiontest.Cookie(t, m, func(s *session.Session) { s.Set("k", 1) }))
		before := c.Cookie(m.CookieName())
		c.Get(test.path)
		after := c.Cookie(m.CookieName())
		check := func(name, want string, f func(tb testing.TB)) {
			rec := &recorder{TB: t}
			f(rec)
			if got := rec.text(); (got == "") != (want == "") || !strings.Contains(got, want) {
				t.Errorf("%s after %s: got %q, want %q", name, test.path, got, want)
			}
			if before != nil && strings.Contains(rec.text(), before.Value) {
				t.Errorf("the report contains the token: %s", rec.text())
			}
		}
		check("WantRotated", test.rotated, func(tb testing.TB) { sessiontest.WantRotated(tb, m, before, after) })
		check("WantSameCookie", test.same, func(tb testing.TB) { sessiontest.WantSameCookie(tb, before, after) })
	}
	c := sessiontest.NewClient(t, mux)
	c.Get("/login")
	sessiontest.WantRotated(t, m, nil, c.Cookie(m.CookieName()))

	first, second := sessiontest.Cookie(t, m, func(s *session.Session) { s.Login("ana") }), sessiontest.Cookie(t, m, func(s *session.Session) { s.Login("ben") })
	rec := &recorder{TB: t}
	sessiontest.WantRotated(rec, m, first, second)
	if !strings.Contains(rec.text(), "still leads to a session") {
		t.Errorf("two sessions: got %q", rec.text())
	}
	rec = &recorder{TB: t}
	sessiontest.WantRotated(rec, m, nil, &http.Cookie{Name: m.CookieName(), Value: "unknown"})
	if !strings.Contains(rec.text(), "leads to no session") {
		t.Errorf("an unknown token: got %q", rec.text())
	}
}

func TestWantCookie(t *testing.T) {
	t.Parallel()
	response := func(cookies ...*http.Cookie) *http.Response {
		w := httptest.NewRecorder()
		for _, c := range cookies {
			http.SetCookie(w, c)
		}
		return w.Result()
	}
	good := http.Cookie{Name: "s", Value: "v", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 60}
	bare, deleted, strict := http.Cookie{Name: "s", Value: "w"}, good, good
	deleted.MaxAge, strict.SameSite, strict.MaxAge, strict.Value = -1, http.SameSiteStrictMode, 0, ""
	for _, test := range []struct {
		name string
		w    *http.Response
		want *http.Cookie
		text string
	}{
		{"equal", response(&good), &good, ""},
		{"the last one counts", response(&bare, &good), &good, ""},
		{"all differ", response(&bare), &good, "response: cookie s: Path is , want /; Secure is false, want true; HttpOnly is false, want true; SameSite is unset, want Lax; MaxAge is 0, want 60; the value differs"},
		{"SameSite", response(&good), &strict, "response: cookie s: SameSite is Lax, want Strict"},
		{"missing", response(), &good, "response: it does not set the cookie s"},
		{"deleted", response(&deleted), &good, "response: it deletes the cookie s"},
		{"wanted deleted", response(&deleted), &deleted, ""},
		{"not deleted", response(&good), &deleted, "response: cookie s: MaxAge is 60, want -1"},
	} {
		rec := &recorder{TB: t}
		sessiontest.WantCookie(rec, test.w, test.want)
		if got := rec.text(); got != test.text {
			t.Errorf("%s:\ngot  %s\nwant %s", test.name, got, test.text)
		}
	}
	rec := &recorder{TB: t}
	sessiontest.WantNoCookie(rec, response(&good), "other")
	sessiontest.WantNoCookie(rec, response(&deleted), "s")
	sessiontest.WantNoCookie(rec, response(&good), "s")
	if got, want := rec.text(), "response: it deletes the cookie s, want no Set-Cookie header of that name\nresponse: it sets the cookie s, want no Set-Cookie header of that name"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
