package nethttp_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/recipes/nethttp"
	"github.com/expanse-go/session/internal/recipes/recipetest"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	c := recipetest.NewClient(t, nethttp.Routes(m.Manager))
	for _, want := range []string{"Saved. Hello, Ada.\n", "Hello, Ada.\n"} {
		res := c.Get("/")
		if want[0] == 'S' {
			res = c.Submit("/name", url.Values{"name": {"Ada"}})
		}
		if res.Text != want {
			t.Errorf("got %d %q; want %q", res.StatusCode, res.Text, want)
		}
	}
	m.Dead.Store(true)
	before := m.Calls.Load()
	if res := c.Get("/about"); res.StatusCode != http.StatusOK || res.Header.Get("Vary") != "" || m.Calls.Load() != before {
		t.Errorf("/about: %d, Vary %q, %d store calls", res.StatusCode, res.Header.Get("Vary"), m.Calls.Load()-before)
	}
	for _, res := range []int{c.Get("/").StatusCode, c.Submit("/name", nil).StatusCode} {
		if res != http.StatusServiceUnavailable {
			t.Errorf("with a store that is down: %d", res)
		}
	}
	if res := c.From("https://evil.example").Submit("/name", nil); res.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %d", res.StatusCode)
	}
}
