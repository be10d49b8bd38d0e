package session_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// ask sends a proxy's question.
func (g *rig) ask(h http.Handler, b *browser, header map[string]string) *httptest.ResponseRecorder {
	r := b.request("GET")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestForwardAuth: only a signed-in request gets a 2xx, and the owner.
func TestForwardAuth(t *testing.T) {
	g := newRig(t, byHeader("Authorization", false))
	ann := g.signedIn(t, "ann@example.com")
	page := map[string]string{"Sec-Fetch-Mode": "navigate", "X-Forwarded-Uri": "/report?id=1"}
	tests := []struct {
		name     string
		login    string
		b        *browser
		header   map[string]string
		status   int
		owner    string
		location string
	}{
		{"signed in", "/login", ann, page, 200, "ann@example.com", ""},
		{"signed in, with a header of its own", "/login", ann, map[string]string{"Remote-User": "root"}, 200, "ann@example.com", ""},
		{"nobody", "", newBrowser(), page, 401, "", ""},
		{"anonymous", "", g.signedUp(t, "x"), page, 401, "", ""},
		{"a header without a session", "", newBrowser(), map[string]string{"Remote-User": "root"}, 401, "", ""},
		{"nobody on a page", "/login", newBrowser(), page, 303, "", "/login?return_to=%2Freport%3Fid%3D1"},
		{"nobody on a page of nginx", "/login", newBrowser(), map[string]string{"Accept": "text/html", "X-Original-Uri": "/a"}, 303, "", "/login?return_to=%2Fa"},
		{"a way that leads away", "/login", newBrowser(), map[string]string{"Accept": "text/html", "X-Forwarded-Uri": "//evil.example"}, 303, "", "/login?return_to=%2F"},
		{"nobody by htmx", "/login", newBrowser(), map[string]string{"Hx-Request": "true", "Hx-Current-Url": "https://app.example/a", "X-Forwarded-Host": "app.example"}, 401, "", "/login?return_to=%2Fa"},
		{"nobody by fetch", "/login", newBrowser(), map[string]string{"Sec-Fetch-Mode": "cors"}, 401, "", ""},
		{"nobody by form", "/login", newBrowser(), map[string]string{"Sec-Fetch-Mode": "navigate", "X-Forwarded-Method": "POST", "Referer": "https://example.com/form"}, 303, "", "/login?return_to=%2Fform"},
		{"a write of another site", "/login", ann, map[string]string{"X-Forwarded-Method": "POST", "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403, "", ""},
		{"a write of another site, by nginx", "/login", ann, map[string]string{"X-Original-Method": "DELETE", "Origin": "https://evil.example"}, 403, "", ""},
		{"a write of this site", "/login", ann, map[string]string{"X-Forwarded-Method": "POST", "Origin": "https://app.example", "X-Forwarded-Host": "app.example"}, 200, "ann@example.com", ""},
		{"an unknown token in a header, beside the cookie", "/login", ann, map[string]string{"Authorization": "Bearer x", "Accept": "text/html"}, 401, "", ""},
	}
	for _, tc := range tests {
		h := g.ForwardAuth(session.ForwardAuthConfig{LoginPage: tc.login})
		for _, nested := range []bool{false, true} {
			if nested { // inside the middleware of the proxy's own request
				h = g.Handler(g.IgnoreActivity(h))
			}
			w := g.ask(h, tc.b, tc.header)
			equal(t, tc.name+": status", w.Code, tc.status)
			equal(t, tc.name+": owner", strings.Join(w.Header()["Remote-User"], "|"), tc.owner)
			equal(t, tc.name+": location", w.Header().Get("Location")+w.Header().Get("Hx-Redirect"), tc.location)
			equal(t, tc.name+": cookies", len(w.Header()["Set-Cookie"]), 0)
			if w.Code != http.StatusForbidden {
				equal(t, tc.name+": Cache-Control", w.Header().Get("Cache-Control"), "no-store")
			}
		}
	}
}

// TestForwardAuthOwners: an owner that programs could read in two ways is in no header.
func TestForwardAuthOwners(t *testing.T) {
	for owner, passes := range map[string]bool{
		"ann": true, "Ann Example": true, "42": true, "cn=ann,dc=example": true, `DOMAIN\ann`: true,
		"ann\r\nX-Role: admin": false, "ann\n": false, "ann\ta": false, " ann": false, "ann ": false, "a  b": false, "jörg": false, "a\x7f": false, "\u202eann": false,
	} {
		g := newRig(t)
		b := g.signedIn(t, owner)
		w := g.ask(g.ForwardAuth(session.ForwardAuthConfig{OwnerHeader: "X-User"}), b, nil)
		want, status := "", http.StatusInternalServerError
		if passes {
			want, status = owner, http.StatusOK
		}
		equal(t, owner+": status", w.Code, status)
		equal(t, owner+": header", w.Header().Get("X-User"), want)
	}
}

// TestForwardAuthOnlyLooks: the question counts as activity, and changes nothing else.
func TestForwardAuthOnlyLooks(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	b := g.signedIn(t, "ann")
	h := g.ForwardAuth(session.ForwardAuthConfig{})
	for range 5 { // longer than the idle timeout
		g.clock.Advance(time.Hour)
		equal(t, "status", g.ask(h, b, map[string]string{"Sec-Fetch-Mode": "navigate"}).Code, http.StatusOK)
		equal(t, "calls", g.spy.taken(), "load touch")
	}
	equal(t, "message", g.data(t, g.token(b))["note"], any("hello"))
	g.clock.Advance(time.Hour)
	equal(t, "status of a poll", g.ask(g.IgnoreActivity(h), b, nil).Code, http.StatusOK)
	g.spy.taken()
	g.ask(g.IgnoreActivity(h), b, nil)
	equal(t, "calls of a poll", g.spy.taken(), "load")
	g.spy.hook(func(string, session.ID) error { return http.ErrHandlerTimeout }, nil)
	w := g.ask(h, b, nil)
	equal(t, "status without the store", w.Code, http.StatusServiceUnavailable)
	equal(t, "owner without the store", w.Header().Get("Remote-User"), "")
}

// TestForwardAuthMaxAge: an old authentication is not enough if the configuration says so.
func TestForwardAuthMaxAge(t *testing.T) {
	g := newRig(t)
	b := g.signedIn(t, "ann")
	h := g.ForwardAuth(session.ForwardAuthConfig{MaxAge: time.Minute, LoginPage: "/confirm"})
	equal(t, "status", g.ask(h, b, nil).Code, http.StatusOK)
	g.clock.Advance(time.Minute)
	w := g.ask(h, b, nil)
	equal(t, "status", w.Code, http.StatusUnauthorized)
	equal(t, "reason", strings.Contains(w.Body.String(), "confirmation_required"), true)
	equal(t, "owner", w.Header().Get("Remote-User"), "")
	for _, c := range []session.ForwardAuthConfig{{OwnerHeader: "a b"}, {OwnerHeader: "Cookie"}, {LoginPage: "https://example.com/"}, {MaxAge: -1}} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.HasPrefix(text, "session: ForwardAuth: ") {
					t.Errorf("%+v: panic %q", c, text)
				}
			}()
			g.ForwardAuth(c)
		}()
	}
}

// TestForwardAuthSendsNoCookie: the client gets the cookie of a session that was taken over, and
// loses planted ones, when it visits a page of the site itself.
func TestForwardAuthSendsNoCookie(t *testing.T) {
	g := takingOver(t)
	h := g.ForwardAuth(session.ForwardAuthConfig{})
	for range 2 {
		w := g.ask(h, withOld(), nil)
		equal(t, "owner", w.Header().Get("Remote-User"), "42")
		equal(t, "cookies", len(w.Header()["Set-Cookie"]), 0)
	}
	ann, ben := g.signedIn(t, "ann"), g.signedIn(t, "ben")
	r := ann.request("GET")
	r.URL.Path = "/auth/check" // a planted cookie may have the path /auth
	r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: g.token(ben)})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	equal(t, "status with two sessions", w.Code, http.StatusUnauthorized)
	equal(t, "cookies with two sessions", len(w.Header()["Set-Cookie"]), 0)
}
