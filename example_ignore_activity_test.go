package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A page polls every minute how long its session will last. Without IgnoreActivity,
// polling would extend the session.
func ExampleSession_IgnoreActivity() {
	clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	m, _ := session.New(memstore.New(memstore.Config{Now: now}), session.Config{IdleTimeout: 20 * time.Minute, Now: now})
	left := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			session.Error(w, r, err)
			return
		}
		s.IgnoreActivity()
		fmt.Fprintln(w, s.Owner() != "", s.ExpiresAt().Sub(now()))
	}))

	s, _ := m.Load(ctx, "")
	s.Login("ada")
	cookie, _ := m.Commit(ctx, s)
	for range 3 {
		clock = clock.Add(8 * time.Minute)
		r := httptest.NewRequest("GET", "https://example.com/left", nil)
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		left.ServeHTTP(w, r)
		fmt.Print(w.Body)
	}
	// Output:
	// true 12m0s
	// true 4m0s
	// false 20m0s
}

// Routes that pages poll can share one wrapper.
func ExampleManager_IgnoreActivity() {
	m := newManager()
	polled := http.NewServeMux()
	polled.Handle("GET /poll/messages", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, session.Get(s, "unread", 0)) // uses the session as usual
	}))
	mux := http.NewServeMux()
	mux.Handle("/poll/", m.IgnoreActivity(polled))

	w := httptest.NewRecorder()
	m.Handler(mux).ServeHTTP(w, httptest.NewRequest("GET", "https://example.com/poll/messages", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 0
}
