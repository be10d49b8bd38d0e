package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// TestVisit is a visit from the first page to the logout.
func TestVisit(t *testing.T) {
	t.Parallel()
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close(t.Context()) })
	browser := sessiontest.NewClient(t, adaptor.FiberApp(newShop(manager)))
	for _, step := range []struct {
		action string
		form   url.Values // nil: a link
		shows  []string
		not    []string
	}{
		{"/", nil, []string{"cart: 0 items", "Sign in"}, []string{"status", "Signed in"}},
		{"/cart", url.Values{}, []string{"Added.", "cart: 1 items"}, nil},
		{"/", nil, []string{"cart: 1 items"}, []string{"Added."}},
		{"/login", url.Values{"name": {"ada"}, "password": {"guess"}}, []string{"password is wrong", "Sign in"}, []string{"Signed in"}},
		{"/login", url.Values{"name": {"ada"}, "password": {"demo"}}, []string{"Welcome, ada.", "Signed in as ada", "cart: 1 items"}, []string{"wrong"}},
		{"/cart", url.Values{}, []string{"Added.", "cart: 2 items"}, []string{"Welcome"}},
		{"/logout", url.Values{}, []string{"Signed out.", "cart: 0 items", "Sign in"}, []string{"Signed in"}},
		{"/", nil, []string{"cart: 0 items"}, []string{"Signed"}},
	} {
		before := browser.Cookie(manager.CookieName())
		var page *sessiontest.Response
		if step.form == nil {
			page = browser.Get(step.action)
		} else {
			page = browser.Submit(step.action, step.form)
		}
		for _, text := range step.shows {
			if !strings.Contains(page.Text, text) {
				t.Errorf("%s: the page lacks %q:\n%s", step.action, text, page.Text)
			}
		}
		for _, text := range step.not {
			if strings.Contains(page.Text, text) {
				t.Errorf("%s: the page has %q:\n%s", step.action, text, page.Text)
			}
		}
		after := browser.Cookie(manager.CookieName())
		if strings.Contains(page.Text, "Welcome") && (before == nil || before.Value == after.Value) {
			t.Errorf("%s: the login did not replace the token", step.action)
		}
	}
}
