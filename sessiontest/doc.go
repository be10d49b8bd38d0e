// Package sessiontest provides helpers to test programs that use sessions, and to test
// stores.
//
// # Handlers
//
// [NewRequest] returns a request with the cookie of a session that contains the values
// a test needs. [AddSession] adds the cookie to a request with a body. [Session] returns the
// session after the handler has responded:
//
//	r := sessiontest.NewRequest(t, manager, "POST", "/cart", func(s *session.Session) {
//		s.Login("ana")
//	})
//	w := httptest.NewRecorder()
//	manager.Handler(app).ServeHTTP(w, r)
//	s := sessiontest.Session(t, manager, r, w.Result())
//	sessiontest.WantOwner(t, s, "ana")
//	sessiontest.WantValue(t, s, "cart.items", 1)
//
// The functions whose names begin with Want report what differs: values, keys, flash
// messages, the owner, the rotation of the token, and the attributes of the cookie.
//
// # Whole visits
//
// [NewClient] returns a client that behaves like a browser in everything that affects
// sessions. It applies the rules for cookies, follows redirects, and marks each request
// as a navigation, a script's fetch or a prefetch. Flash messages and cross-origin
// protection depend on those marks. [Client.Tab] opens another tab.
//
//	c := sessiontest.NewClient(t, manager.Handler(app))
//	c.Submit("/login", url.Values{"name": {"ana"}})   // follows the redirect
//	page := c.Get("/")                                // page.Text, page.StatusCode
//
// # Time
//
// A [Clock] stands still until the test moves it. Pass it to [session.Config], and to
// the client, so that cookies expire by it:
//
//	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
//	manager, err := session.New(store, session.Config{Now: clock.Now})
//	clock.Advance(3 * time.Hour)
//
// # Faults
//
// A [FaultyStore] fails, loses answers or waits when the test says so. For anything else,
// [Wrap] calls a function around every call of a store. The function can count calls, or
// damage a record.
//
// # Races
//
// A [Race] runs requests of one visitor in every possible order of their loads and
// commits, one step at a time. Each order has a name, by which it can be run again. So a
// test can check how a handler behaves with a double click, with two tabs, or with a
// logout during another request.
//
// # Stores
//
// [TestStore] checks a store against the whole contract of [session.Store], with one
// subtest for each clause. [BenchmarkStore] measures the store.
package sessiontest
