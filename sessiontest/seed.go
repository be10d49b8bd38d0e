package sessiontest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
)

// Cookie stores a new session that seed has filled, and returns its cookie, for
// a request or [Client.SetCookie]. It is nil if seed wrote nothing: such a session
// is not stored.
func Cookie(tb testing.TB, m *session.Manager, seed func(*session.Session)) *http.Cookie {
	tb.Helper()
	s, err := m.Load(tb.Context(), "")
	if err != nil {
		tb.Fatalf("new session: %v", err)
	}
	if seed != nil {
		seed(s)
	}
	c, err := m.Commit(tb.Context(), s)
	if err != nil {
		tb.Fatalf("commit of the seeded session: %v", err)
	}
	return c
}

// NewRequest returns a request for a handler, as [httptest.NewRequest] does, with
// the cookie of a new session that seed has filled.
//
// The request names neither an origin nor a Sec-Fetch mode: it is that of a plain
// client, which passes cross-origin protection, and uses flash messages up.
func NewRequest(tb testing.TB, m *session.Manager, method, target string, seed func(*session.Session)) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	if c := Cookie(tb, m, seed); c != nil {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// Session returns the session that a client has after the response: that of the
// cookie which the response sets, or else of the request's cookie; a new one if
// the response deletes the cookie, or there is none. Either may be nil.
//
// It is for reading. A test that changes it has to commit it, and to give the
// client the cookie that [session.Manager.Commit] returns, if any.
func Session(tb testing.TB, m *session.Manager, r *http.Request, w *http.Response) *session.Session {
	tb.Helper()
	var token session.Token
	if r != nil {
		if c, err := r.Cookie(m.CookieName()); err == nil {
			token = session.Token(c.Value)
		}
	}
	if w != nil {
		for _, c := range w.Cookies() {
			if c.Name == m.CookieName() {
				token = session.Token(c.Value)
			}
		}
	}
	return load(tb, m, token)
}

func load(tb testing.TB, m *session.Manager, token session.Token) *session.Session {
	tb.Helper()
	s, err := m.Load(tb.Context(), token)
	if err != nil {
		tb.Fatalf("load of the client's session: %v", err)
	}
	return s
}
