package htmx_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/recipes/htmx"
	"github.com/expanse-go/session/internal/recipes/recipetest"
	"github.com/expanse-go/session/sessiontest"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	clock := sessiontest.NewClock(time.Now())
	m := recipetest.NewManager(t, session.Config{Now: clock.Now})
	c := recipetest.NewClient(t, htmx.Routes(m.Manager))
	// A refresh is a request of htmx.
	refresh := func(method, target string) *sessiontest.Response {
		r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Hx-Request": {"true"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
		return c.Do(r)
	}
	if res := c.Get("/inbox"); res.Request.URL.Path != "/login" {
		t.Errorf("a page got %s", res.Request.URL)
	}
	if res := c.Submit("/login", url.Values{"user": {"ada"}}); res.Request.URL.Path != "/inbox" || res.StatusCode != http.StatusOK {
		t.Errorf("the login got %s, %d", res.Request.URL, res.StatusCode)
	}
	if res := refresh("GET", "/inbox/unread"); res.Text != "3 unread" {
		t.Errorf("the fragment is %d %q", res.StatusCode, res.Text)
	}
	if res := refresh("POST", "/inbox/read"); res.Text != "0 unread. Done." {
		t.Errorf("the fragment of the button is %d %q", res.StatusCode, res.Text)
	}
	// Polling does not extend the session, so it expires after two hours.
	for _, want := range []int{http.StatusOK, http.StatusOK, http.StatusNoContent} {
		clock.Advance(50 * time.Minute)
		res := refresh("GET", "/inbox/unread")
		redirect := res.Header.Get("Hx-Redirect")
		if res.StatusCode != want || (redirect == "/login") != (want == http.StatusNoContent) {
			t.Errorf("after another 50 minutes: %d %q, HX-Redirect %q; want %d", res.StatusCode, res.Text, redirect, want)
		}
		if got := res.Header.Values("Vary"); len(got) != 2 {
			t.Errorf("Vary: %q; want HX-Request and Cookie", got)
		}
	}
}
