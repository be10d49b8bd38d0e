package demo

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// references returns the static files that a page requests.
var references = regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`)

func TestStaticFiles(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	c.post("/cart/add", "product", "cup") // a visitor with a cookie
	found := references.FindAllStringSubmatch(c.get("/race").body, -1)
	if got, want := len(found), 3; got != want {
		t.Fatalf("the page of the race asks for %d files, want %d: style, icon and script", got, want)
	}
	before := s.store.calls.Load()
	for _, f := range found {
		a := c.get(f[1]).is(http.StatusOK)
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("Cache-Control of %s is %q, want immutable", f[1], got)
		}
		if got := a.header.Get("Content-Type"); !regexp.MustCompile(`^(text/css|text/javascript|image/svg\+xml)`).MatchString(got) {
			t.Errorf("Content-Type of %s is %q", f[1], got)
		}
		for _, name := range []string{"Set-Cookie", "Vary"} {
			if got := a.header.Get(name); got != "" {
				t.Errorf("%s of %s is %q, want none", name, f[1], got)
			}
		}
		again := c.request("GET", f[1], nil)
		again.Header.Set("If-None-Match", a.header.Get("ETag"))
		c.send(again).is(http.StatusNotModified)
	}
	if got := s.store.calls.Load() - before; got != 0 {
		t.Errorf("%d store calls for static files, want none", got)
	}
}
