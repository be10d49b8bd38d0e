package sessiontest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
)

// Cookie stores a new session that seed has filled, and returns its cookie, for use in a
// request or in [Client.SetCookie]. It returns nil if seed wrote nothing, because such a
// session is not stored.
func Cookie(tb testing.TB, m *session.Manager, seed func(*session.Session)) *http.Cookie {
	tb.Helper()
	s, err := m.Load(tb.Context(), "")
	if err != nil {
		tb.Fatalf("cannot create a session: %v", err)
	}
	if seed != nil {
		seed(s)
	}
	c, err := m.Commit(tb.Context(), s)
	if err != nil {
		tb.Fatalf("cannot commit the seeded session: %v", err)
	}
	return c
}

// NewRequest returns a request for a handler, as [httptest.NewRequest] does, with
// the cookie of a new session that seed has filled. For a request with a body, use
// [AddSession].
//
// The request has neither an Origin nor Sec-Fetch headers, like that of a plain HTTP
// client. So it passes cross-origin protection, and consumes flash messages.
func NewRequest(tb testing.TB, m *session.Manager, method, target string, seed func(*session.Session)) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, target, nil)
	AddSession(tb, m, r, seed)
	return r
}

// AddSession adds the cookie of a new session that seed has filled to a request that the
// caller has made, with a body or headers of its own. It adds none if seed wrote nothing.
func AddSession(tb testing.TB, m *session.Manager, r *http.Request, seed func(*session.Session)) {
	tb.Helper()
	if c := Cookie(tb, m, seed); c != nil {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
}

// Session returns the session that a client has after the response. It uses the cookie
// that the response sets, or otherwise the cookie of the request. If the response deletes
// the cookie, or there is none, it returns a new session. Both r and w may be nil.
//
// The session is for reading. A test that changes it must commit it, and give the client
// the cookie that [session.Manager.Commit] returns, if any.
func Session(tb testing.TB, m *session.Manager, r *http.Request, w *http.Response) *session.Session {
	tb.Helper()
	var token session.Token
	name := m.CookieName()
	if r != nil {
		name = m.CookieNameOf(r)
		if c, err := r.Cookie(name); err == nil {
			token = session.Token(c.Value)
		}
	}
	if w != nil {
		for _, c := range w.Cookies() {
			if c.Name == name {
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
		tb.Fatalf("cannot load the session of the client: %v", err)
	}
	return s
}
