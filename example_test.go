package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A complete program: a page that counts its visits.
func Example() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	page := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		session.Update(s, "visits", func(n int) int { return n + 1 })
		fmt.Fprintf(w, "visit %d", session.Get(s, "visits", 0))
	}
	handler := manager.HandlerFunc(page)

	var cookies []*http.Cookie // the cookies that a browser would keep
	for range 3 {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if set := w.Result().Cookies(); len(set) > 0 {
			cookies = set
		}
		fmt.Println(w.Body)
	}
	// Output:
	// visit 1
	// visit 2
	// visit 3
}

// visit sends the requests of one browser, for the examples: each function handles one
// request, and the cookie passes from one to the next.
func visit(m *session.Manager, requests ...func(s *session.Session)) {
	var cookie *http.Cookie
	for _, f := range requests {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { f(s) }).ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookie = c
		}
	}
}

func newManager() *session.Manager {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	return m
}
