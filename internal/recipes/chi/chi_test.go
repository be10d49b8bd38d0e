package chi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/recipes/chi"
	"github.com/expanse-go/session/internal/recipes/recipetest"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	c := recipetest.NewClient(t, chi.Routes(m.Manager))
	if res := c.Get("/account/"); res.Request.URL.Path != "/login" {
		t.Errorf("an anonymous visitor got %s", res.Request.URL)
	}
	if res := c.Submit("/login", url.Values{"user": {"ada"}}); res.Text != "Welcome, ada" {
		t.Errorf("after the login: %d %q", res.StatusCode, res.Text)
	}
	if res := c.Get("/account/"); res.Text != "Hello again, ada" {
		t.Errorf("the next page: %d %q", res.StatusCode, res.Text)
	}
	c.Submit("/account/logout", nil)
	if res := c.Get("/account/"); res.Request.URL.Path != "/login" || c.Cookie(m.CookieName()) != nil {
		t.Errorf("after the logout: %s, cookie %v", res.Request.URL, c.Cookie(m.CookieName()))
	}
	m.Down.Store(true)
	if res := c.Submit("/login", url.Values{"user": {"ada"}}); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a login with a store that is down: %d", res.StatusCode)
	}
}
