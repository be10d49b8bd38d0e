package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// t stands in for the *testing.T of a test, because examples have none.
var t testing.TB = exampleTB{}

type exampleTB struct{ testing.TB }

func (exampleTB) Helper()                   {}
func (exampleTB) Cleanup(func())            {}
func (exampleTB) Context() context.Context  { return context.Background() }
func (exampleTB) Errorf(f string, a ...any) { fmt.Printf(f+"\n", a...) }
func (exampleTB) Logf(f string, a ...any)   { fmt.Printf(f+"\n", a...) }
func (exampleTB) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

// This tests a handler: it sends a request with a session, and checks the session
// afterwards.
func ExampleNewRequest() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	buy := manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		session.Update(s, "cart.items", func(n int) int { return n + 1 })
	})

	r := sessiontest.NewRequest(t, manager, "POST", "/buy", func(s *session.Session) {
		s.Login("ana")
		s.Set("cart.items", 2)
	})
	w := httptest.NewRecorder()
	buy.ServeHTTP(w, r)

	s := sessiontest.Session(t, manager, r, w.Result())
	fmt.Println(s.Owner(), session.Get(s, "cart.items", 0))
	// Output: ana 3
}

// This submits a form, follows the redirect, and sees a message that is shown once.
func ExampleClient() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	app := http.NewServeMux()
	app.Handle("POST /articles", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Flash("status", "Saved "+r.FormValue("title")+".")
		http.Redirect(w, r, "/articles", http.StatusSeeOther)
	}))
	app.Handle("GET /articles", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprint(w, session.Get(s, "status", "Nothing new."))
	}))

	browser := sessiontest.NewClient(t, app)
	fmt.Println(browser.Submit("/articles", url.Values{"title": {"Tea"}}).Text)
	fmt.Println(browser.Get("/articles").Text)

	foreign := browser.From("https://evil.example")
	fmt.Println(foreign.Submit("/articles", url.Values{"title": {"Spam"}}).Status)
	// Output:
	// Saved Tea.
	// Nothing new.
	// 403 Forbidden
}

// A session expires when it is not used for two hours.
func ExampleClock() {
	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{Now: clock.Now})

	r := sessiontest.NewRequest(t, manager, "GET", "/", func(s *session.Session) { s.Login("ana") })
	for range 3 {
		s := sessiontest.Session(t, manager, r, nil)
		fmt.Printf("%s %q\n", clock.Now().Format("15:04"), s.Owner())
		clock.Advance(time.Hour)
	}
	// Output:
	// 09:00 "ana"
	// 10:00 "ana"
	// 11:00 ""
}

// This checks how the program responds while its store is down.
func ExampleWrap() {
	down := false
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(ctx context.Context, c sessiontest.Call, next func() error) error {
		if down && c.Op == "load" {
			return errors.New("connection refused")
		}
		return next()
	})
	manager, _ := session.New(store, session.Config{})
	page := manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprint(w, "Hello ", s.Owner())
	})

	browser := sessiontest.NewClient(t, page)
	browser.SetCookie(sessiontest.Cookie(t, manager, func(s *session.Session) { s.Login("ana") }))
	for range 3 {
		w := browser.Get("/")
		fmt.Println(w.StatusCode, w.Text)
		down = !down
	}
	// Output:
	// 200 Hello ana
	// 503 Service Unavailable. Your changes may not have been saved. Check before you try again.
	//
	// 200 Hello ana
}
