package audit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// An originCase is a request of a browser, or of another program if site and origin are "".
type originCase struct {
	method, site, origin string
	status               int
}

const passes, refused = http.StatusOK, http.StatusForbidden

// originMatrix is what browsers send, and what becomes of it.
var originMatrix = []originCase{
	{"GET", "cross-site", "https://evil.test", passes},
	{"HEAD", "cross-site", "https://evil.test", passes},
	{"OPTIONS", "cross-site", "https://evil.test", passes},
	{"POST", "same-origin", "https://example.com", passes},
	{"POST", "none", "", passes},
	{"POST", "same-site", "https://sub.example.com", refused},
	{"POST", "same-site", "http://example.com", refused},
	{"POST", "cross-site", "https://evil.test", refused},
	{"PUT", "cross-site", "https://evil.test", refused},
	{"PATCH", "cross-site", "https://evil.test", refused},
	{"DELETE", "cross-site", "https://evil.test", refused},
	{"POST", "cross-site", "null", refused},
	{"POST", "cross-site", "", refused},
	{"POST", "cross-site", "https://trusted.test", passes},
	// Old browsers.
	{"POST", "", "https://example.com", passes},
	{"POST", "", "https://evil.test", refused},
	{"POST", "", "null", refused},
	{"POST", "", "https://trusted.test", passes},
	{"POST", "", "", passes}, // not a browser
}

// send sends the request of a case with a visitor's cookie, and reports whether the handler ran.
func (c originCase) send(v *visitor, target string) (status int, ran bool, body string) {
	r := httptest.NewRequest(c.method, target, strings.NewReader("csrf_token=x&_token=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", v.CookieNameOf(r)+"="+v.token+"; csrf_token=x; XSRF-TOKEN=x")
	r.Header.Set("X-Csrf-Token", "x")
	r.Header.Set("X-Xsrf-Token", "x")
	r.Header.Set("X-Requested-With", "XMLHttpRequest")
	if c.site != "" {
		r.Header.Set("Sec-Fetch-Site", c.site)
	}
	if c.origin != "" {
		r.Header.Set("Origin", c.origin)
	}
	w := v.serve(r, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		ran = true
		s.Set("data", "changed")
	})
	return w.Code, ran, w.Body.String()
}

// try sends all cases, and checks that what is refused changes nothing.
func try(t *testing.T, cases []originCase, target string, configure ...func(*session.Config)) {
	t.Helper()
	trust := func(c *session.Config) { c.TrustedOrigins = []string{"https://trusted.test"} }
	st := newSite(t, memstore.New(memstore.Config{}), append([]func(*session.Config){trust}, configure...)...)
	for _, c := range cases {
		v := st.member("ada")
		st.took()
		status, ran, body := c.send(v, target)
		if status != c.status || ran != (c.status == passes) {
			t.Errorf("%s %s from %q (%s): status %d, handler ran: %v; want %d; %s", c.method, target, c.origin, c.site, status, ran, c.status, body)
		}
		if c.status == refused {
			st.alive("after a refused request", v.token, "ada/ada")
			if got := st.took(); !strings.HasPrefix(got, "cross-origin") {
				t.Errorf("events %q, want cross-origin", got)
			}
		}
	}
}

func TestCS1CrossOriginRefused(t *testing.T) {
	try(t, originMatrix, "https://example.com/")
}

func TestCS2NotBySameSiteAlone(t *testing.T) {
	try(t, originMatrix, "https://example.com/", func(c *session.Config) {
		c.Cookie.SameSite, c.Cookie.DangerouslyAllowCrossSite = http.SameSiteNoneMode, true
	})
}

// There are no tokens in forms: what they protect is tested instead. Nothing that a page of
// another site can put into a form, a header or a cookie makes its request pass, and a login
// replaces the token of the session.
func TestCS3NoTokenStandsIn(t *testing.T) {
	for _, c := range originMatrix {
		if c.status != refused {
			continue
		}
		st := newSite(t, memstore.New(memstore.Config{}))
		eve := st.member("eve")
		r := httptest.NewRequest(c.method, "https://example.com/?csrf_token="+eve.token, strings.NewReader("csrf_token="+eve.token))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, name := range []string{"X-Csrf-Token", "X-Xsrf-Token", "Authorization", "X-Session-Token"} {
			r.Header.Set(name, eve.token)
		}
		r.Header.Set("Cookie", cookieName+"="+st.member("ada").token+"; csrf_token="+eve.token)
		r.Header.Set("Origin", c.origin)
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		equal(t, fmt.Sprint(c), st.serve(r, write).Code, refused)
	}
	st := newSite(t, memstore.New(memstore.Config{}))
	v := st.visitor("")
	v.must("POST", write)
	before := v.token
	v.must("POST", login)
	st.dead("the token from before the login", before)
}

func TestCS4OriginComparedExactly(t *testing.T) {
	const host = "https://example.com/"
	try(t, []originCase{
		{"POST", "", "http://example.com", refused}, // the twin over plain HTTP
		{"POST", "", "HTTP://example.com", refused},
		{"POST", "", "https://example.com:8443", refused},
		{"POST", "", "https://example.com.evil.test", refused},
		{"POST", "", "https://evil.test/example.com", refused},
		{"POST", "", "https://a.example.com", refused},
		{"POST", "", "https://trusted.test:8443", refused},
		{"POST", "", "http://trusted.test", refused},
		{"POST", "cross-site", "http://trusted.test", refused},
		{"POST", "cross-site", "https://trusted.test:8443", refused},
		{"POST", "cross-site", "https://a.trusted.test", refused},
		{"POST", "cross-site", "https://trusted.test.evil.test", refused},
		{"POST", "", "ftp://example.com", refused},
		{"POST", "", "example.com", refused},
		{"GET", "", "http://example.com", passes},
		{"POST", "", "https://example.com", passes},
	}, host)

	// Behind a proxy that decrypts, the request shows no TLS, but the cookie is Secure.
	twins := []originCase{{"POST", "", "http://example.com", refused}, {"POST", "", "https://example.com", passes}}
	try(t, twins, "http://example.com/")
	// The twin may be trusted.
	try(t, []originCase{{"POST", "", "http://example.com", passes}}, host, func(c *session.Config) { c.TrustedOrigins = []string{"http://example.com"} })
	// A site over plain HTTP does not know its scheme, unless it says how to find out.
	plain := func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true }
	try(t, []originCase{{"POST", "", "http://example.com", passes}, {"POST", "", "https://example.com", passes}}, "http://example.com/", plain)
	try(t, []originCase{{"POST", "", "http://evil.test", refused}}, "http://example.com/", plain)

	for _, wildcard := range []string{"*", "https://*", "http://*", "https://*:443", "https://*.example.com", "https://a*.example.com", "null"} {
		if got := fmt.Sprint(refusedFields(session.Config{TrustedOrigins: []string{wildcard}})); got != "[TrustedOrigins]" {
			t.Errorf("%q as a trusted origin: refused %s", wildcard, got)
		}
	}
}

// TestCS4OriginOfBothSchemes tests a site that serves HTTPS and plain HTTP.
func TestCS4OriginOfBothSchemes(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}), func(c *session.Config) {
		c.Cookie.DangerouslyAllowHTTP = true
		c.Cookie.IsHTTPS = func(r *http.Request) bool { return r.TLS != nil }
	})
	for _, c := range []struct {
		target, origin string
		want           int
	}{
		{"https://example.com/", "https://example.com", passes},
		{"https://example.com/", "http://example.com", refused},
		{"http://example.com/", "http://example.com", passes},
		{"http://example.com/", "https://example.com", refused},
	} {
		r := httptest.NewRequest("POST", c.target, nil)
		r.Header.Set("Origin", c.origin)
		r.Header.Set("X-Forwarded-Proto", "https") // means nothing, because IsHTTPS does not read it
		equal(t, c.origin+" to "+c.target, st.serve(r, write).Code, c.want)
	}
}
