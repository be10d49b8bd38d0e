package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// takingOver returns a rig that takes over the session of the cookie "old", which is that of
// user 42.
func takingOver(t *testing.T, change ...func(*session.Config)) *rig {
	t.Helper()
	var token session.Token
	takeOver := func(r *http.Request, create func(func(context.Context)) (session.Token, error)) (session.Token, error) {
		if len(r.CookiesNamed("old")) == 0 || token != "" {
			return token, nil
		}
		t, err := create(func(ctx context.Context) {
			s, _ := session.From(ctx)
			s.Set("name", "Ana")
			s.Login("42", session.LoggedInAt(time.Time{}))
		})
		token = t
		return t, err
	}
	return newRig(t, append(change, func(c *session.Config) { c.TakeOver = takeOver })...)
}

func withOld() *browser {
	b := newBrowser()
	b.cookies["old"] = "x"
	return b
}

func TestTakeOver(t *testing.T) {
	g, b := takingOver(t), withOld()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "owner", s.Owner(), "42")
		equal(t, "name", session.Get(s, "name", ""), "Ana")
		equal(t, "new", s.IsNew(), false)
		if !s.AuthenticatedAt().IsZero() {
			t.Errorf("authenticated at %v, which nobody knows", s.AuthenticatedAt())
		}
	}).expect(t, http.StatusOK, 1)
	equal(t, "store calls", g.spy.taken(), "create load load") // the last one looks whether the token is still current
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "owner", s.Owner(), "42")
	}).expect(t, http.StatusOK, 0)
	equal(t, "store calls", g.spy.taken(), "load")
	equal(t, "events", g.kinds(), "created")
}

// A request that never asks for its session, and one that presents a token, take nothing over.
func TestTakeOverIsNotAsked(t *testing.T) {
	g := takingOver(t)
	withOld().send(g.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))).expect(t, http.StatusOK, 0)
	b := g.signedUp(t, "x")
	b.cookies["old"] = "x"
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "") })
	expired := withOld()
	expired.cookies[g.CookieName()] = g.token(b)
	g.clock.Advance(3 * time.Hour)
	g.visit(expired, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "") })
}

// What the request writes to a session that it has taken over is stored, and a logout in it counts.
func TestTakeOverCommits(t *testing.T) {
	g, b := takingOver(t), withOld()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("x", 1) }).expect(t, http.StatusOK, 1)
	equal(t, "data", fmt.Sprint(g.data(t, g.token(b))), "map[name:Ana x:1]")
	g.visit(withOld(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }).expect(t, http.StatusOK, 1)
	g.visit(withOld(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "") }).expect(t, http.StatusOK, 0)
}

// A login in the request that takes a session over replaces its token at once.
func TestTakeOverThenLogin(t *testing.T) {
	g, b := takingOver(t), withOld()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("42") }).expect(t, http.StatusOK, 1)
	g.visit(withOld(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "") }).expect(t, http.StatusOK, 0)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "owner", s.Owner(), "42")
		equal(t, "authenticated", s.AuthenticatedAt(), g.clock.Now())
	})
}

// The cookie belongs to the scope of the request: over HTTPS or over plain HTTP.
func TestTakeOverPlain(t *testing.T) {
	g := takingOver(t, func(c *session.Config) {
		c.Cookie.DangerouslyAllowHTTP = true
		c.Cookie.IsHTTPS = func(*http.Request) bool { return false }
	})
	b := withOld()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "42") })
	if b.cookies["session"] == "" {
		t.Errorf("cookies %v", b.cookies)
	}
}

func TestTakeOverFails(t *testing.T) {
	failure := errors.New("the old store is down")
	g := newRig(t, func(c *session.Config) {
		c.TakeOver = func(*http.Request, func(func(context.Context)) (session.Token, error)) (session.Token, error) {
			return "", failure
		}
	})
	withOld().send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := session.From(r.Context())
		if !errors.Is(err, failure) || !errors.As(err, new(*session.StoreError)) {
			t.Errorf("error %v", err)
		}
		session.Error(w, r, err)
	}))).expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "events", g.kinds(), "failed")
}

func TestLoggedInAt(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.MaxPerOwner = 1 })
	now := g.clock.Now()
	for at, want := range map[time.Time]time.Time{
		{}:                      {},
		now.Add(-time.Hour):     now.Add(-time.Hour),
		now.Add(48 * time.Hour): now,
	} {
		b := newBrowser()
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Login("42", session.LoggedInAt(at))
			equal(t, "authenticated", s.AuthenticatedAt(), want)
		})
		s := load(t, g.Manager, session.Token(g.token(b)))
		equal(t, "authenticated, stored", s.AuthenticatedAt(), want)
		equal(t, "expires", s.ExpiresAt(), now.Add(2*time.Hour))
	}
	n := 0
	for _, err := range g.List(t.Context(), "42") {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "sessions beyond MaxPerOwner", n, 3)
}

// A key in a header is no way around the check of the origin while a cookie of the other library
// leads to a session.
func TestTakeOverAndKeys(t *testing.T) {
	g := takingOver(t, func(c *session.Config) { c.Transport.KeyHeaders = []string{"X-Api-Key"} })
	for _, b := range []*browser{newBrowser(), withOld()} {
		r := b.request("POST")
		r.Header.Set("Origin", "https://evil.example.com")
		r.Header.Set("Sec-Fetch-Site", "same-site")
		r.Header.Set("X-Api-Key", "k")
		w := httptest.NewRecorder()
		g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "owner", s.Owner(), "")
		})(w, r)
		want := http.StatusOK
		if b.cookies["old"] != "" {
			want = http.StatusForbidden
		}
		equal(t, "status", w.Code, want)
	}
}
