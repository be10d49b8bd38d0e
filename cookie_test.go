package session_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// attributes returns a Set-Cookie header without its value.
func attributes(t *testing.T, rep reply) string {
	t.Helper()
	if len(rep.set()) != 1 {
		t.Fatalf("Set-Cookie = %q, want one line", rep.set())
	}
	name, rest, _ := strings.Cut(rep.set()[0], "=")
	_, attrs, _ := strings.Cut(rest, ";")
	return name + ";" + attrs
}

// TestCookieAttributes: the cookie that starts a session and the one that ends it have
// the same attributes, because a browser deletes only a cookie that matches
// (CVE-2026-34454).
func TestCookieAttributes(t *testing.T) {
	tests := []struct {
		name   string
		config func(c *session.Config)
		want   string // with "; Max-Age=…" for any number
	}{
		{"default", func(*session.Config) {},
			"__Host-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"lifetime", func(c *session.Config) { c.AbsoluteTimeout = 90*time.Minute + 1; c.IdleTimeout = time.Hour },
			"__Host-session; Path=/; Max-Age=5401; HttpOnly; Secure; SameSite=Lax"},
		{"no absolute limit", func(c *session.Config) { c.AbsoluteTimeout = -1 },
			"__Host-session; Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax"},
		{"name", func(c *session.Config) { c.Cookie.Name = "id" },
			"__Host-id; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"name with its prefix", func(c *session.Config) { c.Cookie.Name = "__Host-id" },
			"__Host-id; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"out of reach of scripts that plant", func(c *session.Config) { c.Cookie.Name = "__Host-Http-id" },
			"__Host-Http-id; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"strict", func(c *session.Config) { c.Cookie.SameSite = http.SameSiteStrictMode },
			"__Host-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Strict"},
		{"browser session", func(c *session.Config) { c.Cookie.BrowserSession = true },
			"__Host-session; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"HTTP", func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true },
			"session; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		{"script", func(c *session.Config) { c.Cookie.DangerouslyAllowScript = true },
			"__Host-session; Path=/; Max-Age=86400; Secure; SameSite=Lax"},
		{"domain and path", func(c *session.Config) {
			c.Cookie.DangerouslyDropHostPrefix, c.Cookie.Domain, c.Cookie.Path = true, "example.com", "/app"
		}, "__Secure-session; Path=/app; Domain=example.com; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
		{"embedded", func(c *session.Config) {
			c.Cookie.DangerouslyAllowCrossSite, c.Cookie.SameSite, c.Cookie.Partitioned = true, http.SameSiteNoneMode, true
		}, "__Host-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None; Partitioned"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, c.config)
			b := newBrowser()
			begin := g.visit(b, write)
			equal(t, "cookie", attributes(t, begin), c.want)
			equal(t, "name", g.CookieName(), begin.result.Cookies()[0].Name)
			if n := len(begin.set()[0]); n > 4096 {
				t.Errorf("the cookie has %d bytes, browsers keep 4096", n)
			}
			end := g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })
			parts := slices.DeleteFunc(strings.Split(c.want, "; "), func(s string) bool { return strings.HasPrefix(s, "Max-Age") })
			got := strings.Split(attributes(t, end), "; ")
			if !slices.Contains(got, "Max-Age=0") {
				t.Errorf("deletion = %q, want Max-Age=0", got)
			}
			got = slices.DeleteFunc(got, func(s string) bool { return s == "Max-Age=0" })
			equal(t, "deletion", strings.Join(got, "; "), strings.Join(parts, "; "))
		})
	}
}

// TestCookieInAJar: net/http/cookiejar, which follows RFC 6265, stores and deletes the
// cookie.
func TestCookieInAJar(t *testing.T) {
	g := newRig(t, func(c *session.Config) {
		c.Cookie.DangerouslyDropHostPrefix, c.Cookie.Domain, c.Cookie.Path = true, "example.com", "/app"
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	page := &url.URL{Scheme: "https", Host: "www.example.com", Path: "/app/page"}
	for i, f := range []handler{write, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }} {
		r := httptest.NewRequest("GET", page.String(), nil)
		for _, c := range jar.Cookies(page) {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		g.HandlerFunc(f).ServeHTTP(w, r)
		jar.SetCookies(page, w.Result().Cookies())
		equal(t, "cookies in the jar", len(jar.Cookies(page)), 1-i)
	}
}

// TestSetPersistent: persistence is stored in the session and survives a rotation. When
// it changes, the cookie is sent again with the same token.
func TestSetPersistent(t *testing.T) {
	for _, byDefault := range []bool{true, false} {
		g := newRig(t, func(c *session.Config) { c.Cookie.BrowserSession = byDefault })
		b := g.signedUp(t, "x")
		token := g.token(b)
		for _, persistent := range []bool{byDefault, !byDefault} {
			rep := g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.SetPersistent(persistent) })
			equal(t, "Max-Age", strings.Contains(attributes(t, rep), "Max-Age=86400"), persistent)
			equal(t, "same token", g.token(b), token)
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.SetPersistent(persistent) }).expect(t, http.StatusOK, 0)
			g.visit(b, write).expect(t, http.StatusOK, 0)
			g.visit(b, read).expect(t, http.StatusOK, 0)
			g.clock.Advance(time.Hour)
			rep = g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
			equal(t, "Max-Age after rotation", strings.Contains(attributes(t, rep), "Max-Age="), persistent)
			token = g.token(b)
			g.clock.Advance(-time.Hour)
		}
	}
}

// TestMaxAgeIsWhatIsLeft: Max-Age is the rest of the absolute timeout, which a rotation
// does not extend.
func TestMaxAgeIsWhatIsLeft(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.IdleTimeout = 24 * time.Hour })
	b := g.signedUp(t, "x")
	g.clock.Advance(20 * time.Hour)
	for _, c := range []struct{ rotation, want string }{
		{"Regenerate", "Max-Age=14400;"},
		{"Login", "Max-Age=86400;"}, // restarts the absolute timeout
	} {
		rep := g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { rotations[c.rotation](s) })
		if got := attributes(t, rep); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.rotation, got, c.want)
		}
	}
}

// TestCacheHeaders: a response with the cookie stays out of shared caches, a response
// that depends on the cookie has one Vary entry for it, and headers that the
// application sets are kept.
func TestCacheHeaders(t *testing.T) {
	tests := []struct {
		name              string
		control, vary     []string // set by the handler
		wantControl       string   // of a response with the cookie
		wantVary          string
		wantControlUnsent string // of a response that used the session but has no cookie
	}{
		{"nothing", nil, nil, "no-store", "Cookie", ""},
		{"public", []string{"public, max-age=60"}, nil, "no-store", "Cookie", "public, max-age=60"},
		{"private", []string{"private, max-age=60"}, nil, "private, max-age=60", "Cookie", "private, max-age=60"},
		{"private, in capitals", []string{"max-age=60", "Private"}, nil, "max-age=60|Private", "Cookie", "max-age=60|Private"},
		{"private for one header only", []string{`private="x-foo", max-age=60`}, nil, "no-store", "Cookie", `private="x-foo", max-age=60`},
		{"no-store", []string{"no-store"}, nil, "no-store", "Cookie", "no-store"},
		{"no-cache", []string{"no-cache"}, nil, "no-store", "Cookie", "no-cache"},
		{"Vary on others", nil, []string{"Accept-Encoding, Origin"}, "no-store", "Accept-Encoding, Origin|Cookie", ""},
		{"Vary on it already", nil, []string{"Origin", "Accept, cookie"}, "no-store", "Origin|Accept, cookie", ""},
		{"Vary on all", nil, []string{"*"}, "no-store", "*", ""},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			page := func(h handler) handler {
				return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					if c.control != nil {
						w.Header()["Cache-Control"] = slices.Clone(c.control)
					}
					if c.vary != nil {
						w.Header()["Vary"] = slices.Clone(c.vary)
					}
					h(w, r, s)
					io.WriteString(w, "page")
				}
			}
			for i, want := range []string{c.wantControl, c.wantControlUnsent} {
				rep := g.visit(b, page([]handler{write, read}[i]))
				rep.expect(t, http.StatusOK, 1-i)
				equal(t, "Cache-Control", strings.Join(rep.Header()["Cache-Control"], "|"), want)
				equal(t, "Vary", strings.Join(rep.Header()["Vary"], "|"), c.wantVary)
			}
		})
	}
}

// TestVaryOnEveryKind: every way to use the session adds Vary (CVE-2026-27205 missed
// one).
func TestVaryOnEveryKind(t *testing.T) {
	looks := map[string]func(s *session.Session){
		"From alone": func(*session.Session) {},
		"Get":        func(s *session.Session) { session.Get(s, "a", 0) },
		"Has":        func(s *session.Session) { s.Has("a") },
		"All":        func(s *session.Session) { s.All() },
		"Keys":       func(s *session.Session) { s.Keys() },
		"Owner":      func(s *session.Session) { s.Owner() },
		"ID":         func(s *session.Session) { s.ID() },
		"Set":        func(s *session.Session) { s.Set("a", 1) },
		"Invalidate": func(s *session.Session) { s.Invalidate() },
	}
	for name, look := range looks {
		for _, known := range []bool{false, true} {
			g := newRig(t)
			b := newBrowser()
			if known {
				b = g.signedUp(t, "x")
			}
			rep := g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { look(s) })
			if got := rep.Header()["Vary"]; !slices.Equal(got, []string{"Cookie"}) {
				t.Errorf("%s: Vary = %q, want Cookie", name, got)
			}
		}
	}
}

// TestOneSetCookie: a cookie of this name that the handler set is replaced, and other
// cookies stay.
func TestOneSetCookie(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	rep := g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		http.SetCookie(w, &http.Cookie{Name: g.CookieName(), Value: "mine"})
		http.SetCookie(w, &http.Cookie{Name: g.CookieName() + "2", Value: "other"})
		s.Set("a", 1)
	})
	var names []string
	for _, c := range rep.result.Cookies() {
		names = append(names, c.Name)
	}
	equal(t, "cookies", strings.Join(names, " "), "theme __Host-session2 __Host-session")
	equal(t, "values", len(g.data(t, g.token(b))), 1)

	// Nobody may write to the shared value of Vary.
	for range 2 {
		rep := g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			io.WriteString(w, "page")
			w.Header().Add("Vary", "Trailer")
		})
		equal(t, "Vary", rep.result.Header.Get("Vary"), "Cookie")
	}
}
