package session_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// app is an application: POST /login and /logout do what they say, other POSTs write
// something, and each answer is the owner. A sign-in redirects.
func app(g *rig) http.Handler {
	return g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		switch {
		case r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/login"):
			s.Login(r.URL.Query().Get("as"))
			w.WriteHeader(http.StatusSeeOther)
		case r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/logout"):
			s.Invalidate()
		case r.Method == "POST":
			s.Set("return_to", r.URL.Path)
		}
		io.WriteString(w, s.Owner())
	})
}

// A jarBrowser keeps cookies in a jar of the standard library, by domain and path.
type jarBrowser struct {
	*cookiejar.Jar
	t *testing.T
}

func newJarBrowser(t *testing.T) jarBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return jarBrowser{jar, t}
}

// do sends a request such as "GET https://example.com/", keeps the cookies, and returns
// the body.
func (b jarBrowser) do(h http.Handler, request string) string {
	b.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, target, nil)
	for _, c := range b.Cookies(r.URL) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= 400 {
		b.t.Errorf("%s: status %d", request, w.Code)
	}
	b.SetCookies(r.URL, w.Result().Cookies())
	return w.Body.String()
}

// plant sets a cookie as a response from another page of the site does.
func (b jarBrowser) plant(page string, c *http.Cookie) {
	b.t.Helper()
	u, err := url.Parse(page)
	if err != nil {
		b.t.Fatal(err)
	}
	c.Secure, c.MaxAge = u.Scheme == "https", 1e6
	b.SetCookies(u, []*http.Cookie{c})
}

// raw sends cookies as they are, and returns the answer.
func raw(h http.Handler, method, target string, cookies ...string) reply {
	r := httptest.NewRequest(method, target, nil)
	r.Header["Cookie"] = []string{strings.Join(cookies, "; ")}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return reply{w, w.Result()}
}

// TestField05ChangedSettings deploys other settings of the cookie. The visitor is signed
// out once at most, and the next sign-in and sign-out work, though the browser keeps the
// cookie from before.
func TestField05ChangedSettings(t *testing.T) {
	settings := map[string]func(*session.Config){
		"host":       func(*session.Config) {},
		"domain":     func(c *session.Config) { c.Cookie.Domain = "example.com" },
		"path":       func(c *session.Config) { c.Cookie.Path = "/app" },
		"long path":  func(c *session.Config) { c.Cookie.Path = "/app/" },
		"both":       func(c *session.Config) { c.Cookie.Domain, c.Cookie.Path = "example.com", "/app" },
		"plain HTTP": func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true },
	}
	for from, before := range settings {
		for to, after := range settings {
			t.Run(from+" to "+to, func(t *testing.T) {
				spy := newSpyStore()
				drop := func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true }
				old, deployed := app(newRigOn(t, spy, drop, before)), app(newRigOn(t, spy, drop, after))
				b := newJarBrowser(t)
				b.do(old, "POST https://www.example.com/app/login?as=ada")
				equal(t, "before", b.do(old, "GET https://www.example.com/app/"), "ada")
				for range 2 { // deploys, and deploys back
					b.do(deployed, "POST https://www.example.com/app/login?as=ada")
					for range 2 {
						equal(t, "after a sign-in", b.do(deployed, "GET https://www.example.com/app/"), "ada")
					}
					b.do(deployed, "POST https://www.example.com/app/logout")
					equal(t, "after a sign-out", b.do(deployed, "GET https://www.example.com/app/"), "")
					old, deployed = deployed, old
				}
			})
		}
	}
}

// TestField05BothAlive: the session from before the change is still alive when the
// visitor signs in where its cookie is not sent.
func TestField05BothAlive(t *testing.T) {
	spy := newSpyStore()
	drop := func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true }
	old := app(newRigOn(t, spy, drop))
	g := newRigOn(t, spy, drop, func(c *session.Config) { c.Cookie.Domain = ".Example.com" })
	deployed := app(g)
	b := newJarBrowser(t)
	b.do(old, "POST https://www.example.com/login?as=ada")
	b.do(deployed, "POST https://shop.example.com/login?as=bob")
	for range 2 {
		equal(t, "after the deploy", b.do(deployed, "GET https://www.example.com/"), "bob")
		equal(t, "back again", b.do(old, "GET https://www.example.com/"), "ada")
	}
	// Settings of the same scope sign nobody out.
	again := app(newRigOn(t, spy, drop, func(c *session.Config) {
		c.Cookie.Domain, c.Cookie.Path, c.Cookie.SameSite, c.Cookie.DangerouslyAllowScript = "example.com", "/", http.SameSiteStrictMode, true
	}))
	equal(t, "same settings", b.do(again, "GET https://shop.example.com/"), "bob")
}

// TestField05Partitioned: a jar that knows partitions keeps both cookies.
func TestField05Partitioned(t *testing.T) {
	spy := newSpyStore()
	embedded := func(c *session.Config) {
		c.Cookie.SameSite, c.Cookie.DangerouslyAllowCrossSite = http.SameSiteNoneMode, true
	}
	old := app(newRigOn(t, spy, embedded))
	deployed := app(newRigOn(t, spy, embedded, func(c *session.Config) { c.Cookie.Partitioned = true }))
	const page = "https://example.com/"
	first := pair(raw(old, "POST", page+"login?as=ada"))
	second := pair(raw(deployed, "POST", page+"login?as=ada", first))
	equal(t, "after the sign-in", raw(deployed, "GET", page, first, second).Body.String(), "ada")
	again := pair(raw(deployed, "POST", page+"login?as=ada", first, second))
	equal(t, "after another one", raw(deployed, "GET", page, first, again).Body.String(), "ada")
	alive, other := pair(raw(old, "POST", page+"login?as=ada")), pair(raw(deployed, "POST", page+"login?as=bob"))
	equal(t, "both alive", raw(deployed, "GET", page, alive, other).Body.String(), "bob")
}

// pair is the cookie of an answer, as it is sent back.
func pair(rep reply) string {
	for _, c := range rep.result.Cookies() {
		if c.MaxAge >= 0 {
			return c.Name + "=" + c.Value
		}
	}
	return "none"
}

// TestField05Planted: another host of the domain plants a cookie beside ours. It never
// signs the visitor into another session. If it is none, nothing happens; if it is one, the
// next page is ours again.
func TestField05Planted(t *testing.T) {
	const www, evil = "https://www.example.com/account/settings/mail", "https://evil.example.com/"
	paths := []string{"/", "/account", "/account/", "/account/settings", "/account/settings/", "/account/settings/mail"}
	for _, over := range []string{"https", "http"} {
		g := newRig(t, func(c *session.Config) {
			c.Cookie.DangerouslyDropHostPrefix = over == "https"
			c.Cookie.DangerouslyAllowHTTP = over == "http"
		})
		h := app(g)
		www, evil := strings.Replace(www, "https", over, 1), strings.Replace(evil, "https", over, 1)
		live := func() string { _, v, _ := strings.Cut(pair(raw(h, "POST", www+"/login?as=mallory")), "="); return v }
		stranger := newRig(t)
		tests := map[string]struct {
			values []string
			clear  bool // the first page shows the visitor's own session
		}{
			"text":          {[]string{"garbage"}, true},
			"unknown token": {[]string{stranger.token(stranger.signedUp(t, "x"))}, true},
			"many texts":    {[]string{"1", "2", "3", "4", "5", "6"}, true},
			"live session":  {[]string{live()}, false},
			"many sessions": {[]string{live(), live(), live(), live(), live()}, false},
			"many tokens": {[]string{
				strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64), strings.Repeat("d", 64),
			}, false},
		}
		for name, c := range tests {
			for start, path := range paths {
				t.Run(over+" "+name+" "+path, func(t *testing.T) {
					b := newJarBrowser(t)
					b.do(h, "POST "+www+"/login?as=ada")
					for i, v := range c.values {
						b.plant(evil, &http.Cookie{Name: g.CookieName(), Value: v, Domain: "example.com", Path: paths[(start+i)%len(paths)]})
					}
					g.kinds()
					first := b.do(h, "GET "+www)
					if want := map[bool]string{true: "ada", false: ""}[c.clear]; first != want {
						t.Errorf("first page: %q, want %q; events %s", first, want, g.kinds())
					}
					for range 2 {
						equal(t, "next page", b.do(h, "GET "+www), "ada")
					}
				})
			}
		}
	}
}

// TestField05Unclear: while two cookies are sessions, only a login creates one, or the
// cookie of the visitor's own session would be replaced. The login ends both, so that a
// cookie that the browser does not delete is in nobody's way.
func TestField05Unclear(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true })
	h := app(g)
	const page = "https://www.example.com/"
	planted, own := pair(raw(h, "POST", page+"login?as=mallory")), pair(raw(h, "POST", page+"login?as=ada"))
	g.kinds()
	rep := raw(h, "POST", page+"cart", planted, own)
	equal(t, "a write: cookie", pair(rep), "none")
	equal(t, "a write: Cache-Control", rep.Header().Get("Cache-Control"), "no-store")
	equal(t, "a write: events", g.kinds(), "bad-cookie not-created")
	equal(t, "a write: records", len(g.spy.all()), 2)
	for _, line := range rep.set() {
		if !strings.Contains(line, "Max-Age=0") || strings.HasPrefix(line, g.CookieName()+"=; Path=/; Max-Age") {
			t.Errorf("%s deletes the cookie of the manager", line)
		}
	}
	again := pair(raw(h, "POST", page+"login?as=ada", planted, own))
	equal(t, "events of the login", g.kinds(), "bad-cookie created logged-out logged-out")
	equal(t, "records", len(g.spy.all()), 1)
	equal(t, "next page", raw(h, "GET", page, planted, again).Body.String(), "ada")
	equal(t, "planted alone", raw(h, "GET", page, planted).Body.String(), "")
	if n := strings.Count(g.log(), "several cookies"); n != 2 { // that there are, and that nothing was stored
		t.Errorf("%d lines about several cookies, want 2: %s", n, g.log())
	}
	if strings.Contains(g.log(), planted[len(planted)-20:]) {
		t.Error("a token is in the log")
	}
}

// TestField05UnclearLogout: a logout while two cookies are sessions ends both, or the next
// page would be signed in again. That holds even if a later write fails, and after the
// response has begun, but not if it is taken back.
func TestField05UnclearLogout(t *testing.T) {
	const page = "https://www.example.com/"
	for name, c := range map[string]struct {
		code   int
		owners string
		h      handler
	}{
		"logout":       {200, "", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }},
		"then a flash": {200, "", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate(); s.Flash("a", "bye") }},
		"then a fault": {500, "", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Invalidate()
			s.Set("a", func() {})
		}},
		"late": {200, "", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			io.WriteString(w, "bye")
			s.Invalidate()
		}},
		"taken back": {200, "mallory ada ", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate(); s.Rollback() }},
		"none":       {200, "mallory ada ", func(http.ResponseWriter, *http.Request, *session.Session) {}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true })
			h := app(g)
			planted, own := pair(raw(h, "POST", page+"login?as=mallory")), pair(raw(h, "POST", page+"login?as=ada"))
			equal(t, "status", raw(g.HandlerFunc(c.h), "POST", page, planted, own).Code, c.code)
			owners := ""
			for _, cookie := range []string{planted, own} {
				if owner := raw(h, "GET", page, cookie).Body.String(); owner != "" {
					owners += owner + " "
				}
			}
			equal(t, "still signed in", owners, c.owners)
		})
	}
}

// TestUnclearLogoutFails: a logout that cannot end one of the sessions is no success, and one
// that comes after the response has begun does not fail in silence.
func TestUnclearLogoutFails(t *testing.T) {
	const page = "https://www.example.com/"
	for name, c := range map[string]struct {
		status int
		late   string // written before the logout
	}{
		"in time": {http.StatusServiceUnavailable, ""},
		"late":    {http.StatusOK, "bye"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true })
			h := app(g)
			planted, own := pair(raw(h, "POST", page+"login?as=mallory")), pair(raw(h, "POST", page+"login?as=ada"))
			g.spy.hook(func(op string, _ session.ID) error {
				if op == "update" {
					return errors.New("down")
				}
				return nil
			}, nil)
			g.kinds()
			rep := raw(g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				if c.late != "" {
					io.WriteString(w, c.late)
				}
				s.Invalidate()
			}), "POST", page, planted, own)
			equal(t, "status", rep.Code, c.status)
			equal(t, "an event of the late one", strings.Contains(g.kinds(), "late"), c.late != "")
		})
	}
}

// TestField05OneSession: two tokens of one session are one session, and a token that has
// just been replaced starts none, whatever else is sent beside it.
func TestField05OneSession(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = time.Hour })
	b := g.signedUp(t, "mine")
	name, old := g.CookieName()+"=", g.token(b)
	g.clock.Advance(time.Hour)
	g.visit(b, read)
	for i, cookies := range [][]string{{name + old, name + g.token(b)}, {name + g.token(b), name + old}} {
		rep := raw(g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "data", session.Get(s, "data", ""), "mine")
			s.SetPersistent(i > 0)
		}), "GET", "https://example.com/", cookies...)
		equal(t, "cookie, which only the current token gets", pair(rep), name+g.token(b))
	}
	old = g.token(b)
	g.visit(b, login)
	raw(g.HandlerFunc(write), "GET", "https://example.com/", name+old, name+"garbage").expect(t, http.StatusOK, 0)
	raw(g.HandlerFunc(write), "POST", "https://example.com/", name+old, name+"garbage").expect(t, http.StatusConflict, 0)
	g.spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
	raw(g.HandlerFunc(write), "GET", "https://example.com/", name+old, name+"garbage").expect(t, http.StatusServiceUnavailable, 0)
}

// TestField05Deletions fit into the buffer of a proxy, whatever the request looks like,
// and none of them is for the host alone and the path of our cookie.
func TestField05Deletions(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.Cookie.DangerouslyDropHostPrefix = true })
	h := app(g)
	planted, own := pair(raw(h, "POST", "https://a.example/login?as=mallory")), pair(raw(h, "POST", "https://a.example/login?as=ada"))
	for _, host := range []string{"a.example", strings.Repeat("a.", 100) + "example", "127.0.0.1", "[::1]:80", "localhost", "a_b.example", "1.2", "-", "A.Example:443"} {
		for _, path := range []string{"/", "/a", strings.Repeat("/a", 1000), strings.Repeat("/", 9000), "/a;b/c", "/%00%7f", "/é", "//x"} {
			r := httptest.NewRequest("GET", "https://x"+path, nil)
			r.Host = host
			r.Header.Set("Cookie", planted+"; "+own)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			size := 0
			for _, line := range w.Header()["Set-Cookie"] {
				size += len("Set-Cookie: \r\n") + len(line)
				c, err := http.ParseSetCookie(line)
				if err != nil || c.MaxAge >= 0 || c.Path == "" || c.Domain == "" && c.Path == "/" {
					t.Errorf("%s%s: %s, %v", host, path[:min(9, len(path))], line, err)
				}
			}
			if size > 3000 {
				t.Errorf("%s%s: %d bytes", host, path[:min(9, len(path))], size)
			}
		}
	}
}

// TestField07Withheld: a request that another site causes comes without the cookie, so
// what it writes must not replace the session that the browser has.
func TestField07Withheld(t *testing.T) {
	type request struct{ method, site, mode, dest string }
	navigation := func(method, site string) request { return request{method, site, "navigate", "document"} }
	tests := []struct {
		request
		lax, strict, none bool // the request may create a session
	}{
		{navigation("GET", "cross-site"), true, false, true},
		{navigation("HEAD", "cross-site"), true, false, true},
		{navigation("POST", "cross-site"), false, false, true},
		{request{"GET", "cross-site", "navigate", "iframe"}, false, false, true},
		{request{"GET", "cross-site", "cors", "empty"}, false, false, true},
		{request{"GET", "cross-site", "no-cors", "image"}, false, false, true},
		{navigation("GET", "same-site"), true, true, true},
		{navigation("POST", "same-origin"), true, true, true},
		{navigation("GET", "none"), true, true, true},
		{request{"POST", "", "", ""}, true, true, true},
	}
	for _, c := range tests {
		for mode, may := range map[http.SameSite]bool{http.SameSiteLaxMode: c.lax, http.SameSiteStrictMode: c.strict, http.SameSiteNoneMode: c.none} {
			t.Run(fmt.Sprint(c.request, mode), func(t *testing.T) {
				g := newRig(t, func(cfg *session.Config) {
					cfg.Cookie.SameSite, cfg.Cookie.DangerouslyAllowCrossSite = mode, mode == http.SameSiteNoneMode
					cfg.TrustedOrigins = []string{"https://id.example"}
				})
				send := func(h handler) reply {
					b := newBrowser()
					b.header.Set("Sec-Fetch-Site", c.site)
					b.header.Set("Sec-Fetch-Mode", c.mode)
					b.header.Set("Sec-Fetch-Dest", c.dest)
					b.header.Set("Origin", "https://id.example")
					if c.site == "same-origin" || c.site == "" {
						b.header.Set("Origin", "https://example.com")
					}
					w := httptest.NewRecorder()
					g.HandlerFunc(h).ServeHTTP(w, b.request(c.method))
					return reply{w, w.Result()}
				}
				created := map[bool]string{true: "created", false: "not-created"}[may]
				for range 2 {
					send(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
						s.Set("return_to", "/")
						equal(t, "WillRotate", s.WillRotate(), may)
						equal(t, "what the request has written", session.Get(s, "return_to", ""), "/")
					}).expect(t, http.StatusOK, map[bool]int{true: 1, false: 0}[may])
					equal(t, "events", g.kinds(), created)
				}
				equal(t, "lines in the log", strings.Count(g.log(), "withhold the cookie (SameSite)"), map[bool]int{true: 0, false: 1}[may])
				send(read).expect(t, http.StatusOK, 0)
				equal(t, "events of a read", g.kinds(), "")
				send(login).expect(t, http.StatusOK, 1)
				equal(t, "events of a login", g.kinds(), "created")
			})
		}
	}
}

// TestField07PostRedirectGet is the hop that docs/deploying.md describes: the provider's POST
// comes without the cookie, so its handler uses no session, and sends the browser to a page
// of the site, which has it.
func TestField07PostRedirectGet(t *testing.T) {
	const provider = "https://id.example"
	for _, mode := range []http.SameSite{http.SameSiteLaxMode, http.SameSiteStrictMode} {
		m, err := session.New(newSpyStore(), session.Config{
			Cookie:         session.CookieConfig{SameSite: mode},
			TrustedOrigins: []string{provider},
		})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET /login", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("login.state", "random")
		}))
		mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
			q := url.Values{"code": {r.PostFormValue("code")}, "state": {r.PostFormValue("state")}}
			finish := "/callback/finish?" + q.Encode()
			if mode == http.SameSiteLaxMode {
				http.Redirect(w, r, finish, http.StatusSeeOther)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<meta http-equiv="refresh" content="0; url=%s">`, html.EscapeString(finish))
		})
		mux.Handle("GET /callback/finish", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			if state := session.Pop(s, "login.state", ""); state == "" || state != r.FormValue("state") {
				http.Error(w, "sign in again", http.StatusForbidden)
				return
			}
			s.Login("account of " + r.FormValue("code"))
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}))
		mux.Handle("GET /", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			io.WriteString(w, s.Owner())
		}))
		c := sessiontest.NewClient(t, m.Handler(mux))
		c.Get("/login")
		rep := c.From(provider).Submit("https://example.com/callback", url.Values{"code": {"c&d"}, "state": {"random"}})
		if mode == http.SameSiteStrictMode {
			_, target, _ := strings.Cut(rep.Text, "url=")
			target, _, _ = strings.Cut(target, `"`)
			c.Get(html.UnescapeString(target)) // by our own page
		}
		equal(t, "owner", c.Get("/").Text, "account of c&d")
	}
}

// TestField09RaisedLifetime: when the settings or the session's limits give a session
// more time, its cookie is sent again, once, even to a visitor who only reads.
func TestField09RaisedLifetime(t *testing.T) {
	week := func(c *session.Config) { c.AbsoluteTimeout = 7 * 24 * time.Hour }
	forever := func(c *session.Config) { c.AbsoluteTimeout = -1 }
	closes := func(c *session.Config) { c.Cookie.BrowserSession = true }
	persists := func(s *session.Session) { s.SetPersistent(true) }
	tests := map[string]struct {
		begins handler
		before func(*session.Config)
		after  func(*session.Config)
		does   handler
		want   string // in the cookie of the first answer; "" if it needs none
	}{
		"read":             {write, nil, week, read, "Max-Age=601200;"},
		"write":            {write, nil, week, write, "Max-Age=601200;"},
		"without limit":    {write, nil, forever, read, "Max-Age=34560000;"},
		"lowered":          {write, week, nil, read, "Max-Age=82800;"},
		"unchanged":        {write, nil, nil, read, ""},
		"browser session":  {write, closes, closes, read, ""},
		"no longer closed": {write, closes, nil, read, "Max-Age=82800;"},
		"own idle timeout": {write, nil, nil, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.SetTimeouts(48*time.Hour, 0)
		}, "Max-Age=169200;"},
		"own absolute timeout": {func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.SetTimeouts(0, 48*time.Hour)
			persists(s)
			s.Set("a", 1)
		}, nil, week, read, ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			none := func(*session.Config) {}
			if c.before == nil {
				c.before = none
			}
			if c.after == nil {
				c.after = none
			}
			spy := newSpyStore()
			old, deployed := newRigOn(t, spy, c.before), newRigOn(t, spy, c.after)
			b := newBrowser()
			old.visit(b, c.begins)
			token := old.token(b)
			deployed.clock.Advance(time.Hour)
			rep := deployed.visit(b, c.does)
			if c.want == "" {
				rep.expect(t, http.StatusOK, 0)
			} else if got := attributes(t, rep); !strings.Contains(got, c.want) {
				t.Errorf("cookie = %s, want %s", got, c.want)
			}
			equal(t, "token", old.token(b), token)
			for range 3 {
				deployed.clock.Advance(time.Hour)
				deployed.visit(b, read).expect(t, http.StatusOK, 0)
			}
			deployed.visit(b, write).expect(t, http.StatusOK, 0)
		})
	}
}

// TestField09NoLimit: without an absolute limit, the cookie of a visitor who comes back
// now and then never ends.
func TestField09NoLimit(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.AbsoluteTimeout, c.IdleTimeout = -1, -1 })
	b := g.signedUp(t, "x")
	ends, sent := g.clock.Now().Add(400*24*time.Hour), 0
	for range 100 {
		g.clock.Advance(21 * 24 * time.Hour)
		if !g.clock.Now().Before(ends) {
			t.Fatalf("the cookie ended after %d others", sent)
		}
		rep := g.visit(b, read)
		for _, c := range rep.result.Cookies() {
			ends = g.clock.Now().Add(time.Duration(c.MaxAge) * time.Second)
			sent++
		}
	}
	if sent < 5 || sent > 60 {
		t.Errorf("%d cookies in 2,100 days", sent)
	}
}

// TestField09NotTooLate: what a request changes after its response has begun cannot send
// a cookie, so the next request does.
func TestField09NotTooLate(t *testing.T) {
	spy := newSpyStore()
	old := newRigOn(t, spy)
	deployed := newRigOn(t, spy, func(c *session.Config) { c.AbsoluteTimeout = 7 * 24 * time.Hour })
	b := old.signedUp(t, "x")
	deployed.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		io.WriteString(w, "page")
		write(w, r, s)
	}).expect(t, http.StatusOK, 0)
	deployed.clock.Advance(time.Hour)
	deployed.visit(b, read).expect(t, http.StatusOK, 1)
}

// TestField18CrossOrigin: a refusal says what to do, once in the log, and in each event.
func TestField18CrossOrigin(t *testing.T) {
	tests := map[string]struct {
		origin, site string
		want         string
	}{
		"proxy without the host": {"http://nas.local", "", "proxy_set_header Host $http_host"},
		"another site":           {"https://other.example", "cross-site", "Config.TrustedOrigins"},
		"twin over plain HTTP":   {"http://127.0.0.1:8000", "", "redirect plain HTTP to HTTPS"},
		"null":                   {"null", "", "Referrer-Policy"},
		"null of today":          {"null", "cross-site", "Referrer-Policy"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			var refused error
			g := newRig(t, func(cfg *session.Config) {
				cfg.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
					refused = err
					session.DefaultError(w, r, err)
				}
			})
			for range 2 {
				r := httptest.NewRequest("POST", "http://127.0.0.1:8000/login", nil)
				r.Header.Set("Origin", c.origin)
				if c.site != "" {
					r.Header.Set("Sec-Fetch-Site", c.site)
				}
				w := httptest.NewRecorder()
				g.HandlerFunc(login).ServeHTTP(w, r)
				equal(t, "status", w.Code, http.StatusForbidden)
				equal(t, "events", g.kinds(), "cross-origin")
			}
			equal(t, "lines in the log", strings.Count(g.log(), "\n"), 1)
			for _, want := range []string{c.want, c.origin, "127.0.0.1:8000"} {
				if !strings.Contains(g.log(), want) || !strings.Contains(refused.Error(), want) {
					t.Errorf("log %s, error %v, want %q", g.log(), refused, want)
				}
			}
			if !errors.Is(refused, session.ErrCrossOrigin) {
				t.Errorf("error = %v", refused)
			}
		})
	}
}

// TestField18Cookies: a cookie that browsers reject, or that is less safe than it could be,
// is worth one line.
func TestField18Cookies(t *testing.T) {
	none := func(*session.CookieConfig) {}
	plainHTTP := func(c *session.CookieConfig) { c.DangerouslyAllowHTTP = true }
	domain := func(c *session.CookieConfig) {
		c.DangerouslyDropHostPrefix, c.Domain = true, "Example.com"
	}
	both := func(c *session.CookieConfig) {
		plainHTTP(c)
		c.IsHTTPS = func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" }
	}
	tests := []struct {
		config   func(*session.CookieConfig)
		target   string
		header   string
		log      string // "" if all is well
		rejected bool
	}{
		{none, "http://example.com/", "", "no sign of HTTPS", true},
		{none, "http://example.com/", "X-Forwarded-Proto: http", "no sign of HTTPS", true},
		{none, "http://example.com/", "X-Forwarded-Proto: https", "", false},
		{none, "http://example.com/", "Forwarded: for=1.2.3.4;proto=https", "", false},
		{none, "http://example.com/", "Sec-Fetch-Site: same-origin", "", false},
		{none, "http://example.com/", "Origin: https://example.com", "", false},
		{none, "https://example.com/", "", "", false},
		{plainHTTP, "http://example.com/", "", "", false},
		{plainHTTP, "http://example.com/", "X-Forwarded-Proto: https", "DangerouslyAllowHTTP", false},
		{plainHTTP, "https://example.com/", "", "DangerouslyAllowHTTP", false},
		{both, "http://example.com/", "", "", false},
		{both, "http://example.com/", "X-Forwarded-Proto: https", "", false},
		{both, "https://example.com/", "", "DangerouslyAllowHTTP", false}, // IsHTTPS overlooks it
		{domain, "https://example.com/", "", "", false},
		{domain, "https://WWW.example.com:8443/", "", "", false},
		{domain, "https://example.org/", "", "Config.Cookie.Domain", true},
		{domain, "https://notexample.com/", "", "Config.Cookie.Domain", true},
		{domain, "https://127.0.0.1:8000/", "", "proxy_set_header Host", true},
	}
	for _, c := range tests {
		g := newRig(t, func(cfg *session.Config) { c.config(&cfg.Cookie) })
		for range 2 {
			r := httptest.NewRequest("POST", c.target, nil)
			if name, value, ok := strings.Cut(c.header, ": "); ok {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			g.HandlerFunc(login).ServeHTTP(w, r)
			equal(t, "status", w.Code, http.StatusOK)
			equal(t, c.target+" "+c.header+": events", g.kinds(), map[bool]string{true: "created rejected", false: "created"}[c.rejected])
		}
		if got := strings.Count(g.log(), "\n"); got > 1 || (got == 1) != (c.log != "") || !strings.Contains(g.log(), c.log) {
			t.Errorf("%s %s: log %q, want one line with %q", c.target, c.header, g.log(), c.log)
		}
	}
}

// TestField19TrustedOrigins: an origin is trusted however it is written, and one that
// could match nothing, or too much, is refused.
func TestField19TrustedOrigins(t *testing.T) {
	for written, sent := range map[string]string{
		"https://app.example.com":        "https://app.example.com",
		"HTTPS://App.Example.COM":        "https://app.example.com",
		"https://app.example.com:443":    "https://app.example.com",
		"https://app.example.com:":       "https://app.example.com",
		"https://app.example.com:08443":  "https://app.example.com:8443",
		"http://app.example.com:80":      "http://app.example.com",
		"http://app.example.com:443":     "http://app.example.com:443",
		"http://[0:0:0:0:0:0:0:1]:8080":  "http://[::1]:8080",
		"https://xn--bcher-kva.example":  "https://xn--bcher-kva.example",
		"https://my_app.example":         "https://my_app.example",
		"capacitor://localhost":          "capacitor://localhost",
		"Chrome-Extension://ABCDEFGHIJK": "chrome-extension://abcdefghijk",
	} {
		g := newRig(t, func(c *session.Config) { c.TrustedOrigins = []string{written} })
		for origin, want := range map[string]int{sent: http.StatusOK, sent + "0": http.StatusForbidden, "https://evil.example": http.StatusForbidden, "null": http.StatusForbidden} {
			r := httptest.NewRequest("POST", "https://example.com/", nil)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", origin)
			w := httptest.NewRecorder()
			g.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
			if got := w.Code == http.StatusForbidden; got != (want == http.StatusForbidden) {
				t.Errorf("%s trusted: %s is answered %d", written, origin, w.Code)
			}
		}
	}
	for _, bad := range []string{
		"*", "null", "https://*", "https://*.example.com", "https://*:443", "https://app-*.example.com", "example.com", "//example.com",
		"https://example.com/", "https://example.com/x", "https://example.com?", "https://example.com#", "https://ann@example.com",
		"https://", "https://:443", "https://example.com:99999", "https://example.com:x", "https://a b.example", "https://bücher.example",
		"https://.example.com", "https://a..example", "https://a,b.example", "https:example.com", "",
	} {
		if got := mistakes(t, session.Config{TrustedOrigins: []string{bad}}); len(got) != 1 || got[0] != "TrustedOrigins" {
			t.Errorf("%q: mistakes %v, want TrustedOrigins", bad, got)
		}
	}
}

// TestField28BothSchemes: a site with HTTPS and plain HTTP has a cookie for each. Neither
// overwrites the other, and a token of one is nothing as the other.
func TestField28BothSchemes(t *testing.T) {
	g := newRig(t, func(c *session.Config) {
		c.Cookie.DangerouslyAllowHTTP = true
		c.Cookie.IsHTTPS = func(r *http.Request) bool { return r.TLS != nil }
	})
	h := app(g)
	const secure, plain = "https://nas.example/", "http://nas.example/"
	b := newJarBrowser(t)
	b.do(h, "POST "+secure+"login?as=ada")
	equal(t, "over HTTP", b.do(h, "GET "+plain), "")
	b.do(h, "POST "+plain+"login?as=bob")
	equal(t, "over HTTPS", b.do(h, "GET "+secure), "ada")
	equal(t, "over HTTP", b.do(h, "GET "+plain), "bob")

	overHTTPS := raw(h, "POST", secure+"login?as=ada")
	overHTTP := raw(h, "POST", plain+"login?as=ada")
	equal(t, "over HTTPS", attributes(t, overHTTPS), "__Host-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax")
	equal(t, "over HTTP", attributes(t, overHTTP), "session; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax")
	equal(t, "name over HTTPS", g.CookieNameOf(httptest.NewRequest("GET", secure, nil)), g.CookieName())
	equal(t, "name over HTTP", g.CookieNameOf(httptest.NewRequest("GET", plain, nil)), "session")

	_, secureToken, _ := strings.Cut(pair(overHTTPS), "=")
	_, plainToken, _ := strings.Cut(pair(overHTTP), "=")
	equal(t, "plain token over HTTPS", raw(h, "GET", secure, "__Host-session="+plainToken).Body.String(), "")
	equal(t, "secure token over HTTP", raw(h, "GET", plain, "session="+secureToken).Body.String(), "")
	equal(t, "plain cookie over HTTPS", raw(h, "GET", secure, "session="+plainToken).Body.String(), "")

	// Without a request, the token says which cookie it belongs to.
	for token, name := range map[string]string{secureToken: "__Host-session", plainToken: "session"} {
		s := load(t, g.Manager, session.Token(token))
		equal(t, "owner", s.Owner(), "ada")
		s.Regenerate()
		c, err := g.Commit(t.Context(), s)
		if err != nil || c.Name != name || c.Secure != (name != "session") {
			t.Errorf("Commit = %v, %v, want a cookie named %s", c, err, name)
		}
	}

	b.do(h, "POST "+plain+"logout")
	equal(t, "over HTTPS, after a logout over HTTP", b.do(h, "GET "+secure), "ada")
	b.do(h, "POST "+secure+"logout")
	equal(t, "over HTTPS, after a logout", b.do(h, "GET "+secure), "")
	if n, err := g.RevokeOwner(t.Context(), "ada"); n != 2 || err != nil {
		t.Errorf("RevokeOwner = %d, %v, want 2 sessions of both kinds", n, err)
	}
}

// TestField28Mistakes: the cookie over HTTPS keeps the rules of its prefix.
func TestField28Mistakes(t *testing.T) {
	https := func(*http.Request) bool { return true }
	for want, c := range map[string]session.CookieConfig{
		"":               {IsHTTPS: https, DangerouslyAllowHTTP: true},
		"Cookie.IsHTTPS": {IsHTTPS: https},
		"Cookie.Path":    {IsHTTPS: https, DangerouslyAllowHTTP: true, Path: "/app"},
		"Cookie.Domain":  {IsHTTPS: https, DangerouslyAllowHTTP: true, Domain: "example.com"},
		"Cookie.Name":    {IsHTTPS: https, DangerouslyAllowHTTP: true, Name: "__Host-id"},
	} {
		equal(t, "mistakes", strings.Join(mistakes(t, session.Config{Cookie: c}), " "), want)
	}
	_, err := session.New(newSpyStore(), session.Config{Cookie: session.CookieConfig{IsHTTPS: https, DangerouslyAllowHTTP: true, Name: "a b"}})
	if err == nil || strings.Count(err.Error(), "Cookie.Name") != 1 {
		t.Errorf("one mistake in the name: %v", err)
	}
}
