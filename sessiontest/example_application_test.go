package sessiontest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// This file tests a small shop completely. docs/testing.md explains it.

var cart = session.NewKey[[]string]("cart")

// newShop returns the application under test.
func newShop(tb testing.TB, store session.Store, now func() time.Time) (*session.Manager, http.Handler) {
	tb.Helper()
	m, err := session.New(store, session.Config{Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = m.Close(tb.Context()) })
	mux := http.NewServeMux()
	mux.Handle("GET /", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprintf(w, "%s%q of %s", session.Get(s, "status", ""), cart.Get(s, nil), s.Owner())
	}))
	mux.Handle("POST /cart", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Append(cart.String(), r.FormValue("item"))
		s.Flash("status", "Added. ")
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	mux.Handle("POST /login", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login(r.FormValue("name")) // a real shop checks a password first
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	mux.Handle("POST /logout", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	return m, mux
}

// A handler, called with a session that is there already.
func TestShopHandler(t *testing.T) {
	t.Parallel()
	manager, shop := newShop(t, memstore.New(memstore.Config{}), time.Now)

	r := httptest.NewRequest("POST", "/cart", strings.NewReader("item=jam"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sessiontest.AddSession(t, manager, r, func(s *session.Session) {
		s.Login("ana")
		cart.Set(s, []string{"tea"})
	})
	w := httptest.NewRecorder()
	shop.ServeHTTP(w, r)

	s := sessiontest.Session(t, manager, r, w.Result())
	sessiontest.WantOwner(t, s, "ana")
	sessiontest.WantValue(t, s, "cart", []string{"tea", "jam"})
	sessiontest.WantFlash(t, s, "status", "Added. ")
	sessiontest.WantKeys(t, s, "cart", "status")
	sessiontest.WantNoCookie(t, w.Result(), manager.CookieName())
}

// A whole visit, in a browser.
func TestShopVisit(t *testing.T) {
	t.Parallel()
	manager, shop := newShop(t, memstore.New(memstore.Config{}), time.Now)
	browser := sessiontest.NewClient(t, shop)

	w := browser.NoRedirects().Submit("/cart", url.Values{"item": {"tea"}})
	sessiontest.WantCookie(t, w.Response, &http.Cookie{
		Name: "__Host-session", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	if got, want := browser.Get("/").Text, `Added. ["tea"] of `; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	sessiontest.WantNone(t, browser.Session(manager), "status") // the page has shown it

	before := browser.Cookie(manager.CookieName())
	browser.Submit("/login", url.Values{"name": {"ana"}}) // follows the redirect
	sessiontest.WantRotated(t, manager, before, browser.Cookie(manager.CookieName()))
	sessiontest.WantOwner(t, browser.Session(manager), "ana")
}

// Two tabs of one browser: what one does, the other one sees.
func TestShopTabs(t *testing.T) {
	t.Parallel()
	manager, shop := newShop(t, memstore.New(memstore.Config{}), time.Now)
	browser := sessiontest.NewClient(t, shop)
	browser.SetCookie(sessiontest.Cookie(t, manager, func(s *session.Session) { s.Login("ana") }))

	tab := browser.Tab()
	browser.Submit("/cart", url.Values{"item": {"tea"}})
	tab.Submit("/cart", url.Values{"item": {"jam"}})
	sessiontest.WantValue(t, browser.Session(manager), "cart", []string{"tea", "jam"})

	tab.Submit("/logout", nil)
	sessiontest.WantOwner(t, browser.Session(manager), "")
	if w := browser.From("https://evil.example").Submit("/cart", nil); w.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d, want 403", w.StatusCode)
	}
}

// A session that expires, without waiting.
func TestShopExpiry(t *testing.T) {
	t.Parallel()
	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
	manager, shop := newShop(t, memstore.New(memstore.Config{}), clock.Now)
	browser := sessiontest.NewClient(t, shop)
	browser.Now = clock.Now // the expiry of the cookie
	browser.Submit("/login", url.Values{"name": {"ana"}})

	clock.Advance(90 * time.Minute)
	browser.Get("/")
	clock.Advance(90 * time.Minute)
	sessiontest.WantOwner(t, browser.Session(manager), "ana")
	clock.Advance(2 * time.Hour)
	sessiontest.WantOwner(t, browser.Session(manager), "")
}

// A store that is down, or that loses its answer.
func TestShopFaults(t *testing.T) {
	t.Parallel()
	store := sessiontest.NewFaultyStore(t, memstore.New(memstore.Config{}))
	manager, shop := newShop(t, store, time.Now)
	browser := sessiontest.NewClient(t, shop)
	browser.SetCookie(sessiontest.Cookie(t, manager, func(s *session.Session) { s.Login("ana") }))

	store.Fail(errors.New("connection refused"), "update")
	if w := browser.Submit("/cart", url.Values{"item": {"tea"}}); w.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the store is down: status %d, want 503", w.StatusCode)
	}
	sessiontest.WantKeys(t, browser.Session(manager)) // nothing was stored

	store.Lose(errors.New("connection reset"), "update")
	browser.Submit("/cart", url.Values{"item": {"tea"}})
	store.Heal()
	sessiontest.WantValue(t, browser.Session(manager), "cart", []string{"tea"}) // once, not twice
}

// A slow store: the session is revoked while a request is about to store.
func TestShopSlowStore(t *testing.T) {
	t.Parallel()
	store := sessiontest.NewFaultyStore(t, memstore.New(memstore.Config{}))
	manager, shop := newShop(t, store, time.Now)
	browser := sessiontest.NewClient(t, shop)
	browser.SetCookie(sessiontest.Cookie(t, manager, func(s *session.Session) { s.Login("ana") }))

	hold := store.Hold("update")
	response := make(chan *sessiontest.Response)
	go func() { response <- browser.Submit("/cart", url.Values{"item": {"tea"}}) }()
	hold.Await(1)
	if err := manager.Revoke(t.Context(), browser.Session(manager).ID()); err != nil {
		t.Error(err)
	}
	hold.Release()
	if w := <-response; w.StatusCode != http.StatusConflict {
		t.Errorf("status %d, want 409", w.StatusCode)
	}
	sessiontest.WantOwner(t, browser.Session(manager), "")
}
