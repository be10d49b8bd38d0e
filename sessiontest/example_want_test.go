package sessiontest_test

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// A test that fails says what differs.
func ExampleWantValue() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	r := sessiontest.NewRequest(t, manager, "GET", "/", func(s *session.Session) {
		s.Set("cart.items", 2)
		s.Flash("status", "Saved.")
	})
	s := sessiontest.Session(t, manager, r, nil)

	sessiontest.WantValue(t, s, "cart.items", 3)
	sessiontest.WantValue(t, s, "cart.total", 9.5)
	sessiontest.WantKeys(t, s, "cart")
	sessiontest.WantFlash(t, s, "status", "Saved.")
	// Output:
	// session: the value at "cart.items" is 2, want 3
	// session: no value at "cart.total", want 9.5; the session has the keys ["cart" "status"]
	// session: unexpected keys ["status"]
}

// A sign-in that forgets to call Login leaves the visitor with the token of before.
func ExampleWantRotated() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	browser := sessiontest.NewClient(t, manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("user", "ana") // should be s.Login("ana")
	}))
	browser.Get("/")
	before := browser.Cookie(manager.CookieName())
	browser.Submit("/login", nil)
	sessiontest.WantRotated(t, manager, before, browser.Cookie(manager.CookieName()))
	// Output:
	// session: the cookie __Host-session is the same as before, want a new one; a login has to call Login or Regenerate
}

// This checks how a program responds while its store is down, and afterwards.
func ExampleFaultyStore() {
	store := sessiontest.NewFaultyStore(t, memstore.New(memstore.Config{}))
	manager, _ := session.New(store, session.Config{})
	browser := sessiontest.NewClient(t, manager.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, "visit ", session.Update(s, "visits", func(n int) int { return n + 1 }))
	}))
	fmt.Println(browser.Get("/").Text)
	store.Fail(errors.New("connection refused"), "load")
	fmt.Println(browser.Get("/").Status)
	store.Heal()
	fmt.Println(browser.Get("/").Text)
	// Output:
	// visit 1
	// 503 Service Unavailable
	// visit 2
}

// Two tabs of a browser share its cookies.
func ExampleClient_Tab() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	browser := sessiontest.NewClient(t, manager.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, "visit ", session.Update(s, "visits", func(n int) int { return n + 1 }))
	}))
	tab := browser.Tab()
	fmt.Println(browser.Get("/").Text)
	fmt.Println(tab.Get("/").Text)
	// Output:
	// visit 1
	// visit 2
}
