package session_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// TestReturnPath: only a path of this site is a way back.
func TestReturnPath(t *testing.T) {
	good := []string{"/", "/a", "/a/", "/a/b.html?x=1&y=//z#part", "/a%20b", "/%C3%A9", "/a?next=%2F%2Fevil.example", "/a:b@c"}
	bad := []string{
		"", "a", "a/b", "//evil.example", "///evil.example", `/\evil.example`, `\/evil.example`, `/a\b`, "/\t/evil.example", "/\n/evil.example",
		"/a b", "/é", "/a\x00", "/a\x7f", "https://evil.example", "https:/evil.example", "javascript:alert(1)", "//", "/.//evil.example",
		"/..//evil.example", "/a/../b", "/./a", "/a//b", "/%2F/evil.example", "/%5Cevil.example", "/%0d%0aSet-Cookie:x", "/%zz", "/%2e%2e//evil.example",
		" /a", "/a\r\nX: y", "?a", "#a", "@evil.example", "/" + strings.Repeat("a", 2000),
	}
	for _, p := range append(good, bad...) {
		query := httptest.NewRequest("GET", "/login?return_to="+url.QueryEscape(p), nil)
		form := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"return_to": {p}}.Encode()))
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		want := "/home"
		if slices.Contains(good, p) {
			want = p
		}
		for _, r := range []*http.Request{query, form} {
			if got := session.ReturnPath(r, "/home"); got != want {
				t.Errorf("%s %q: %q, want %q", r.Method, p, got, want)
			}
		}
	}
	equal(t, "without one", session.ReturnPath(httptest.NewRequest("GET", "/login", nil), "/home"), "/home")
}

// FuzzReturnPath: however a browser reads the way back, it stays on the site.
func FuzzReturnPath(f *testing.F) {
	for _, p := range []string{"/a", "//evil.example", `/\evil`, "/a/../b?c#d", "/%2f/e"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got := session.ReturnPath(httptest.NewRequest("GET", "/login?return_to="+url.QueryEscape(p), nil), "")
		if got == "" {
			return
		}
		// Browsers drop tabs and line breaks, and read a backslash as a slash (URL standard).
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got)
		base, _ := url.Parse("https://example.com/login")
		u, err := base.Parse(read)
		if err != nil || u.Host != "example.com" || u.Scheme != "https" || strings.HasPrefix(u.Path, "//") || got != p {
			t.Errorf("%q became %q, which leads to %v, %v", p, got, u, err)
		}
		w := httptest.NewRecorder()
		http.Redirect(w, httptest.NewRequest("GET", "https://example.com/login", nil), got, http.StatusSeeOther)
		if to := w.Header().Get("Location"); strings.HasPrefix(to, "//") || !strings.HasPrefix(to, "/") {
			t.Errorf("%q redirects to %q", p, to)
		}
	})
}

// passed is a handler that counts its requests.
type passed int

func (p *passed) ServeHTTP(w http.ResponseWriter, _ *http.Request) { *p++ }

// TestRequireLogin: each kind of client gets an answer that it understands, and the handler
// does not run.
func TestRequireLogin(t *testing.T) {
	tests := []struct {
		name, method, target string
		header               http.Header
		status               int
		location             string // of a redirect, also that of htmx
	}{
		{"page", "GET", "/account?tab=2", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 303, "/login?return_to=%2Faccount%3Ftab%3D2"},
		{"page, HEAD", "HEAD", "/account", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 303, "/login?return_to=%2Faccount"},
		{"page, no fetch metadata", "GET", "/account", http.Header{"Accept": {"text/html,*/*"}}, 303, "/login?return_to=%2Faccount"},
		{"a page that would lead away", "GET", "//evil.example/", http.Header{"Sec-Fetch-Mode": {"navigate"}}, 303, "/login"},
		{"a page with a very long query", "GET", "/?" + strings.Repeat("x", 3000), http.Header{"Sec-Fetch-Mode": {"navigate"}}, 303, "/login"},
		{"form", "POST", "/account/delete", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Referer": {"https://example.com/account?tab=3"}}, 303, "/login?return_to=%2Faccount%3Ftab%3D3"},
		{"form of another site", "POST", "/account/delete", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Referer": {"https://evil.example/x"}}, 303, "/login"},
		{"form without a Referer", "POST", "/account/delete", http.Header{"Accept": {"text/html"}}, 303, "/login"},
		{"htmx", "GET", "/rows", http.Header{"Hx-Request": {"true"}, "Hx-Current-Url": {"https://example.com/table?p=1#r"}, "Sec-Fetch-Mode": {"cors"}}, 204, "/login?return_to=%2Ftable%3Fp%3D1"},
		{"htmx, POST", "POST", "/rows", http.Header{"Hx-Request": {"true"}, "Hx-Current-Url": {"https://example.com/table"}}, 204, "/login?return_to=%2Ftable"},
		{"htmx on another site's page", "POST", "/rows", http.Header{"Hx-Request": {"true"}, "Hx-Current-Url": {"https://evil.example/table"}}, 204, "/login"},
		{"fetch", "GET", "/data", http.Header{"Sec-Fetch-Mode": {"cors"}, "Accept": {"text/html"}}, 401, ""},
		{"image", "GET", "/a.png", http.Header{"Sec-Fetch-Mode": {"no-cors"}, "Sec-Fetch-Dest": {"image"}}, 401, ""},
		{"XMLHttpRequest", "GET", "/data", http.Header{"X-Requested-With": {"XMLHttpRequest"}, "Accept": {"text/html"}}, 401, ""},
		{"API", "DELETE", "/data/1", http.Header{"Accept": {"application/json"}}, 401, ""},
		{"curl", "GET", "/data", http.Header{"Accept": {"*/*"}}, 401, ""},
		{"nothing at all", "GET", "/data", nil, 401, ""},
		{"token header on a page", "GET", "/account", http.Header{"Authorization": {"Bearer x"}, "Accept": {"text/html"}}, 401, ""},
	}
	g := newRig(t, byHeader("Authorization", false))
	for _, tc := range tests {
		var n passed
		h := g.RequireLogin("/login")(&n)
		for _, b := range []*browser{newBrowser(), g.signedUp(t, "anonymous")} {
			r := httptest.NewRequest(tc.method, "https://example.com/", nil)
			r.URL, _ = url.ParseRequestURI(tc.target)
			r.RequestURI = tc.target
			for name, values := range tc.header {
				r.Header[name] = values
			}
			for name, value := range b.cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			equal(t, tc.name+": status", w.Code, tc.status)
			equal(t, tc.name+": handled", n, 0)
			equal(t, tc.name+": Cache-Control", w.Header().Get("Cache-Control"), "no-store")
			equal(t, tc.name+": location", w.Header().Get("Location")+w.Header().Get("Hx-Redirect"), tc.location)
			if tc.status == 401 {
				var p map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p["status"] != 401.0 || p["reason"] != "login_required" || p["location"] != "/login" || p["title"] != "Unauthorized" {
					t.Errorf("%s: %v, %v", tc.name, p, err)
				}
				equal(t, tc.name+": type", w.Header().Get("Content-Type"), "application/problem+json")
				equal(t, tc.name+": scheme", w.Header().Get("WWW-Authenticate"), "Bearer")
			}
		}
	}
	var n passed
	b := g.signedIn(t, "ann")
	b.send(g.RequireLogin("/login")(&n)).expect(t, http.StatusOK, 0)
	equal(t, "handled for a signed-in user", n, 1)
}

// TestGateLetsItsPageThrough: the sign-in page itself passes, but no other route that
// [http.StripPrefix] makes look like it.
func TestGateLetsItsPageThrough(t *testing.T) {
	g := newRig(t)
	for target, want := range map[string]int{"/login": 1, "/login?return_to=%2F": 1, "/login/": 0, "/admin/login": 0, "/loginx": 0, "/": 0} {
		var n passed
		gate := g.RequireLogin("/login?from=gate")(&n)
		mux := http.NewServeMux()
		mux.Handle("/", gate)
		mux.Handle("/admin/", http.StripPrefix("/admin", gate))
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		if int(n) != want {
			t.Errorf("%s: the handler ran %d times, want %d", target, n, want)
		}
	}
	// A client may send the whole URL, as to a proxy; and a page may need escapes.
	for target, want := range map[string]int{
		"http://example.com/login": 1, "http://example.com/admin/login": 0, "/s%C3%ADgn": 1, "/admin/s%C3%ADgn": 0,
		"http://example.com/s%C3%ADgn?x": 1, "http://example.com/admin/s%C3%ADgn": 0,
	} {
		var n passed
		page := "/login"
		if strings.Contains(target, "%") {
			page = "/s%C3%ADgn"
		}
		gate := g.RequireLogin(page)(&n)
		mux := http.NewServeMux()
		mux.Handle("/", gate)
		mux.Handle("/admin/", http.StripPrefix("/admin", gate))
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: example.com\r\nAccept: text/html\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if int(n) != want {
			t.Errorf("%s: the handler ran %d times, want %d", target, n, want)
		}
		if want == 0 {
			_, sent, _ := strings.Cut(target, "example.com")
			equal(t, "way back of "+target, w.Header().Get("Location"), page+"?return_to="+url.QueryEscape(cmp.Or(sent, target)))
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/x", nil)
	r.Header.Set("Accept", "text/html")
	var n passed
	g.RequireLogin("/login?from=gate#form")(&n).ServeHTTP(w, r)
	equal(t, "location", w.Header().Get("Location"), "/login?from=gate&return_to=%2Fx#form")
}

// TestRequireFresh: what is older than the limit has to be confirmed, and the form that was
// refused is not sent again.
func TestRequireFresh(t *testing.T) {
	g := newRig(t)
	var acts passed
	mux := http.NewServeMux()
	fresh := g.RequireFresh(10*time.Minute, "/confirm")
	mux.Handle("/email", fresh(&acts))
	mux.Handle("/confirm", g.RequireLogin("/login")(g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Confirm()
		http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
	})))
	b := g.signedIn(t, "ann")
	post := func(target string) *httptest.ResponseRecorder {
		r := b.request("POST")
		r.URL, _ = url.ParseRequestURI(target)
		r.RequestURI = target
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Referer", "https://example.com/settings")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			b.cookies[c.Name] = c.Value
		}
		return w
	}
	g.clock.Advance(10*time.Minute - 1)
	equal(t, "status just in time", post("/email").Code, http.StatusOK)
	equal(t, "acts", acts, 1)
	g.clock.Advance(1)
	w := post("/email")
	equal(t, "status too late", w.Code, http.StatusSeeOther)
	equal(t, "location", w.Header().Get("Location"), "/confirm?return_to=%2Fsettings")
	equal(t, "acts", acts, 1)
	w = post(w.Header().Get("Location"))
	equal(t, "after the confirmation", w.Header().Get("Location"), "/settings")
	equal(t, "acts", acts, 1)
	equal(t, "status", post("/email").Code, http.StatusOK)
	equal(t, "acts", acts, 2)

	for name, cookies := range map[string]map[string]string{"confirmation_required": b.cookies, "login_required": {}} {
		g.clock.Advance(10 * time.Minute)
		r := (&browser{cookies, http.Header{}, "POST"}).request("POST")
		w := httptest.NewRecorder()
		fresh(&acts).ServeHTTP(w, r)
		var p map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 401 || p["reason"] != name || p["location"] != "/confirm" {
			t.Errorf("%d %v, %v; want %s", w.Code, p, err, name)
		}
		want := `Session error="insufficient_user_authentication", max_age="600"`
		if name == "login_required" {
			want = "Session"
		}
		equal(t, "WWW-Authenticate", w.Header().Get("WWW-Authenticate"), want)
		g.clock.Advance(-10 * time.Minute)
	}
	equal(t, "acts", acts, 2)
}

// TestGatesFail: a gate that cannot load the session answers with an error, and one with a
// wrong page or age is a mistake in the program.
func TestGatesFail(t *testing.T) {
	g := newRig(t)
	b := g.signedIn(t, "ann")
	g.spy.hook(func(string, session.ID) error { return http.ErrHandlerTimeout }, nil)
	var n passed
	b.send(g.RequireLogin("/login")(&n)).expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "handled", n, 0)
	for _, page := range []string{"", "login", "//evil.example", "https://example.com/login"} {
		for _, f := range []func(){
			func() { g.RequireLogin(page) },
			func() { g.RequireFresh(time.Minute, page) },
			func() { g.RequireFresh(0, "/confirm") },
		} {
			func() {
				defer func() {
					if text, _ := recover().(string); !strings.HasPrefix(text, "session: ") {
						t.Errorf("page %q: panic %q", page, text)
					}
				}()
				f()
			}()
		}
	}
}

// TestGateOfAnotherTransport: in the context of a session from Load, the gate uses that
// session.
func TestGateOfAnotherTransport(t *testing.T) {
	g := newRig(t)
	s := load(t, g.Manager, stored(t, g.Manager, func(s *session.Session) { s.Login("ann") }))
	var n passed
	r := httptest.NewRequest("GET", "/", nil)
	g.RequireLogin("/login")(&n).ServeHTTP(httptest.NewRecorder(), r.WithContext(session.NewContext(r.Context(), s)))
	equal(t, "handled", n, 1)
}
