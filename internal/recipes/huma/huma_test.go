package huma_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/recipes/huma"
	"github.com/expanse-go/session/internal/recipes/recipetest"
	"github.com/expanse-go/session/sessiontest"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{OnError: huma.OnError})
	c := recipetest.NewClient(t, huma.Routes(m.Manager))
	c.Header = http.Header{"Content-Type": {"application/json"}}
	for _, name := range []string{"tea", "milk"} {
		if res := c.Fetch("POST", "/cart", strings.NewReader(`{"name": "`+name+`"}`)); res.StatusCode != http.StatusOK {
			t.Errorf("POST /cart: %d %s", res.StatusCode, res.Text)
		}
	}
	if got := items(t, c.Fetch("GET", "/cart", nil)); got != "tea,milk" {
		t.Errorf("the cart has %q", got)
	}
	if res := c.Fetch("POST", "/cart", strings.NewReader(`{"name": ""}`)); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an invalid item: %d", res.StatusCode)
	}
}

func items(t *testing.T, res *sessiontest.Response) string {
	t.Helper()
	var cart struct{ Items []string }
	if err := json.Unmarshal([]byte(res.Text), &cart); err != nil {
		t.Fatalf("%v: %s", err, res.Text)
	}
	return strings.Join(cart.Items, ",")
}

// All errors of the session are problem documents.
func TestProblems(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{OnError: huma.OnError})
	c := recipetest.NewClient(t, huma.Routes(m.Manager))
	c.Header = http.Header{"Content-Type": {"application/json"}}
	add := func(c *sessiontest.Client) *sessiontest.Response {
		return c.Fetch("POST", "/cart", strings.NewReader(`{"name": "tea"}`))
	}
	add(c)
	problem := func(what string, res *sessiontest.Response, status int) {
		t.Helper()
		var p struct {
			Status        int
			Title, Detail string
		}
		err := json.Unmarshal([]byte(res.Text), &p)
		if res.StatusCode != status || res.Header.Get("Content-Type") != "application/problem+json" || err != nil || p.Status != status || p.Detail == "" {
			t.Errorf("%s: got %d %s %s, %v; want a problem document with status %d", what, res.StatusCode, res.Header.Get("Content-Type"), res.Text, err, status)
		}
		if len(res.Cookies()) > 0 {
			t.Errorf("%s: the problem sets the cookies %v", what, res.Cookies())
		}
	}
	problem("another site", add(c.From("https://evil.example")), http.StatusForbidden)
	m.Down.Store(true)
	problem("the commit fails", add(c), http.StatusServiceUnavailable)
	m.Dead.Store(true)
	problem("the load fails", c.Fetch("GET", "/cart", nil), http.StatusServiceUnavailable)
}
