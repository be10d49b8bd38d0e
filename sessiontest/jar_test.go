package sessiontest

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

func TestJarRejects(t *testing.T) {
	for _, test := range []struct {
		url, set string
		rejected bool
	}{
		{"https://example.com/", "__Host-s=1; Path=/; Secure", false},
		{"https://example.com/", "__Host-s=1; Path=/", true},
		{"https://example.com/", "__Host-s=1; Path=/app; Secure", true},
		{"https://example.com/", "__host-s=1; Path=/; Secure; Domain=example.com", true},
		{"https://example.com/", "__Secure-s=1; Secure; Domain=example.com", false},
		{"https://example.com/", "__Secure-s=1", true},
		{"http://example.com/", "s=1; Secure", true},
		{"http://example.com/", "s=1", false},
		{"https://example.com/", "s=1; SameSite=None", true},
		{"https://example.com/", "s=1; SameSite=None; Secure", false},
		{"https://www.example.com/", "s=1; Domain=.example.com", false},
		{"https://www.example.com/", "s=1; Domain=ample.com", true},
		{"https://example.com/", "s=1; Domain=www.example.com", true},
	} {
		err := (&jar{}).store(at(t, test.url), parse(t, test.set), time.Now())
		if got := err != nil; got != test.rejected {
			t.Errorf("%s at %s: rejected %t (%v), want %t", test.set, test.url, got, err, test.rejected)
		}
	}
}

func TestJarSends(t *testing.T) {
	for _, test := range []struct {
		from, set, to string
		sent          bool
	}{
		{"https://example.com/a/b", "s=1", "https://example.com/a/", true},
		{"https://example.com/a/b", "s=1", "https://example.com/a", true},
		{"https://example.com/a/b", "s=1", "https://example.com/ab", false},
		{"https://example.com/a/b", "s=1", "https://example.com", false},
		{"https://example.com", "s=1", "https://example.com/x", true},
		{"https://example.com/", "s=1; Path=/x/", "https://example.com/x", false},
		{"https://example.com/", "s=1; Path=/x/", "https://example.com/x/y", true},
		{"https://example.com/", "s=1; Secure", "http://example.com/", false},
		{"http://example.com/", "s=1", "https://example.com/", true},
		{"https://example.com/", "s=1", "https://www.example.com/", false},
		{"https://example.com/", "s=1; Domain=example.com", "https://www.example.com/", true},
		{"https://example.com/", "s=1; Domain=example.com", "https://notexample.com/", false},
		{"https://example.com/", "s=1; Max-Age=0", "https://example.com/", false},
		{"https://example.com/", "s=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "https://example.com/", false},
		{"https://example.com/", "s=1; Max-Age=9000000000000000000", "https://example.com/", true},
	} {
		j := &jar{}
		if err := j.store(at(t, test.from), parse(t, test.set), time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := len(j.send(at(t, test.to), time.Now())) == 1; got != test.sent {
			t.Errorf("%s from %s, to %s: sent %t, want %t", test.set, test.from, test.to, got, test.sent)
		}
	}
}

func TestJarReplacesAndDeletes(t *testing.T) {
	j, u, now := &jar{}, at(t, "https://example.com/"), time.Now()
	for _, set := range []string{"a=1; Path=/", "b=1; Path=/; Max-Age=60", "c=1; Path=/x", "a=2; Path=/", "a=3; Path=/x"} {
		if err := j.store(u, parse(t, set), now); err != nil {
			t.Fatal(err)
		}
	}
	sent := func(now time.Time) (s string) {
		for _, k := range j.send(at(t, "https://example.com/x"), now) {
			s += k.Name + "=" + k.Value + " "
		}
		return s
	}
	if got, want := sent(now), "c=1 a=3 a=2 b=1 "; got != want {
		t.Errorf("sent %q, want %q: longer paths first, then older cookies", got, want)
	}
	if got, want := sent(now.Add(time.Minute)), "c=1 a=3 a=2 "; got != want {
		t.Errorf("a minute later sent %q, want %q", got, want)
	}
	if err := j.store(u, parse(t, "a=; Path=/; Max-Age=0"), now); err != nil {
		t.Fatal(err)
	}
	if got, want := sent(now), "c=1 a=3 b=1 "; got != want {
		t.Errorf("after a deletion sent %q, want %q", got, want)
	}
	j.restart()
	if got, want := sent(now), "b=1 "; got != want {
		t.Errorf("after a restart sent %q, want %q", got, want)
	}
}

func at(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func parse(t *testing.T, s string) *http.Cookie {
	t.Helper()
	k, err := http.ParseSetCookie(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
