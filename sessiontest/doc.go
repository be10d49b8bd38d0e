// Package sessiontest helps to test programs that use sessions, and stores.
//
// # Handlers
//
// [NewRequest] returns a request that carries the cookie of a session with the
// values a test needs, and [Session] reads the session back after the handler has
// answered:
//
//	r := sessiontest.NewRequest(t, manager, "POST", "/cart", func(s *session.Session) {
//		s.Login("ana")
//	})
//	w := httptest.NewRecorder()
//	manager.Handler(app).ServeHTTP(w, r)
//	s := sessiontest.Session(t, manager, r, w.Result())
//	if got, want := session.Get(s, "cart.items", 0), 1; got != want { … }
//
// # Whole visits
//
// [NewClient] is a browser as far as sessions notice: it keeps cookies by their
// rules, follows redirects, and says with each request whether it is a
// navigation, a script's fetch or a prefetch, which is what flash messages and
// cross-origin protection go by.
//
//	c := sessiontest.NewClient(t, manager.Handler(app))
//	c.Submit("/login", url.Values{"name": {"ana"}})   // follows the redirect
//	page := c.Get("/")                                // page.Text, page.StatusCode
//
// # Time
//
// A [Clock] stands still until the test moves it. It goes into [session.Config]
// and into the client, whose cookies expire by it:
//
//	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
//	manager, err := session.New(store, session.Config{Now: clock.Now})
//	clock.Advance(3 * time.Hour)
//
// # Faults
//
// [Wrap] puts a function around every call of a store. It can count, fail, wait,
// lose an answer or spoil a record, so that a test sees what the program does when
// its store does that.
//
// # Races
//
// A [Race] runs requests of one visitor in every order in which their loads and
// commits can fall, one step at a time, and each order has a name by which it can be
// run again. So a test sees what a double click, two tabs, or a logout in the middle
// of another request do to a handler.
//
// # Stores
//
// [TestStore] checks a store against the whole contract of [session.Store], a
// subtest a clause; [BenchmarkStore] measures it.
package sessiontest
