package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// byHeader makes a rig use a token header.
func byHeader(name string, only bool) func(*session.Config) {
	return func(c *session.Config) { c.Transport.Header, c.Transport.HeaderOnly = name, only }
}

// An apiClient is a client that keeps its token itself, and sends it in a header.
type apiClient struct {
	g     *rig
	token string
	with  http.Header // sent with every request
}

// bearer returns the value of the request header.
func (a *apiClient) bearer() string {
	if a.g.TokenHeader() == "Session-Token" {
		return strings.TrimSuffix("Bearer "+a.token, " ")
	}
	return a.token
}

// send sends a request, and keeps the token of the response.
func (a *apiClient) send(t testing.TB, h handler) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("POST", "https://example.com/", nil)
	if name := "Authorization"; a.g.TokenHeader() != "Session-Token" {
		r.Header.Set(a.g.TokenHeader(), a.bearer())
	} else {
		r.Header.Set(name, a.bearer())
	}
	for name, values := range a.with {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	a.g.HandlerFunc(h).ServeHTTP(w, r)
	if set := w.Header()["Set-Cookie"]; set != nil {
		t.Errorf("a request with a token header got cookies: %q", set)
	}
	switch token := w.Header().Get(a.g.TokenHeader()); token {
	case "":
	case "none":
		a.token = ""
	default:
		a.token = token
	}
	return w
}

// TestTokenHeader: the life of a session in a header. Only a new token is sent, and no cache
// may keep it.
func TestTokenHeader(t *testing.T) {
	for _, name := range []string{"authorization", "x-session-token"} {
		for _, only := range []bool{false, true} {
			g := newRig(t, byHeader(name, only))
			a := &apiClient{g: g}
			vary := []string{http.CanonicalHeaderKey(name), "Cookie"}
			if only {
				vary = vary[:1]
			}
			steps := []struct {
				name  string
				do    func(*session.Session)
				token bool // a new one
			}{
				{"nothing is stored", func(s *session.Session) { s.Has("x") }, false},
				{"login", func(s *session.Session) { s.Login("ann") }, true},
				{"write", func(s *session.Session) { equal(t, "owner", s.Owner(), "ann"); s.Set("x", 1) }, false},
				{"longer timeouts", func(s *session.Session) { s.SetTimeouts(time.Hour, 48*time.Hour); s.SetPersistent(false) }, false},
				{"regenerate", func(s *session.Session) { s.Regenerate() }, true},
				{"another owner", func(s *session.Session) { equal(t, "x", session.Get(s, "x", 0), 1); s.Login("bob") }, true},
				{"logout", func(s *session.Session) { equal(t, "owner", s.Owner(), "bob"); s.Invalidate() }, true},
				{"after the logout", func(s *session.Session) { equal(t, "new", s.IsNew(), true) }, false},
			}
			for _, step := range steps {
				before := a.token
				w := a.send(t, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					w.Header().Set("Cache-Control", "private, max-age=60")
					step.do(s)
				})
				equal(t, step.name+": status", w.Code, http.StatusOK)
				equal(t, step.name+": another token", a.token != before, step.token)
				equal(t, step.name+": no-store", w.Header().Get("Cache-Control") == "no-store", step.token)
				if got := w.Header()["Vary"]; !slices.Equal(got, vary) {
					t.Errorf("%s: Vary %q, want %q", step.name, got, vary)
				}
			}
			equal(t, "records", len(g.spy.all()), 0)
		}
	}
}

// TestTokenKeepsItsKind: a token from a header is unknown in a cookie, and the reverse, even
// if the same request has both.
func TestTokenKeepsItsKind(t *testing.T) {
	g := newRig(t, byHeader("Authorization", false))
	a := &apiClient{g: g}
	a.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("from", "header") })
	b := g.signedUp(t, "cookie")
	seen := func(header, cookie string) (data string, kinds string) {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		if header != "" {
			r.Header.Set("Authorization", "Bearer "+header)
		}
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: cookie})
		}
		g.kinds()
		w := httptest.NewRecorder()
		g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			data = session.Get(s, "from", "") + session.Get(s, "data", "")
		}).ServeHTTP(w, r)
		equal(t, "cookies and tokens", len(w.Header()["Set-Cookie"])+len(w.Header()["Session-Token"]), 0)
		return data, g.kinds()
	}
	tests := []struct{ header, cookie, want, kinds string }{
		{a.token, "", "header", ""},
		{"", g.token(b), "cookie", ""},
		{a.token, g.token(b), "header", ""},
		{"", a.token, "", "unknown-token"},
		{g.token(b), "", "", "unknown-token"},
		{g.token(b), a.token, "", "unknown-token"},
		{"not-a-token", g.token(b), "", "bad-cookie"},
	}
	for _, tc := range tests {
		data, kinds := seen(tc.header, tc.cookie)
		if data != tc.want || kinds != tc.kinds {
			t.Errorf("header %.4s, cookie %.4s: saw %q, events %q; want %q, %q", tc.header, tc.cookie, data, kinds, tc.want, tc.kinds)
		}
	}
	if d := load(t, g.Manager, session.Token(a.token)); session.Get(d, "from", "") != "header" {
		t.Error("Load does not find the session of a header")
	}
	g.kinds()
	load(t, g.Manager, session.Token(a.token))
	equal(t, "events of Load", g.kinds(), "")
}

// TestMalformedTokenHeader: a malformed header causes no store call and no error, and the
// cookie does not take its place.
func TestMalformedTokenHeader(t *testing.T) {
	g := newRig(t, byHeader("Authorization", false))
	a := &apiClient{g: g}
	a.send(t, write)
	cookie := g.token(g.signedUp(t, "mine"))
	tests := []struct {
		name   string
		lines  []string
		header bool // the header decides, not the cookie
		found  bool
		events string
	}{
		{"no header", nil, false, true, ""},
		{"another scheme", []string{"Basic " + a.token}, false, true, ""},
		{"a scheme that begins alike", []string{"Bearers " + a.token}, false, true, ""},
		{"no scheme", []string{a.token}, false, true, ""},
		{"no token yet", []string{"Bearer"}, true, false, ""},
		{"spaces only", []string{"  Bearer   "}, true, false, ""},
		{"lower case", []string{"bearer   " + a.token}, true, true, ""},
		{"the same twice", []string{"Bearer " + a.token, "Bearer " + a.token}, true, true, ""},
		{"two", []string{"Bearer " + a.token, "Bearer " + cookie}, true, false, "bad-cookie"},
		{"one beside another scheme", []string{"Basic x", "Bearer " + a.token}, true, true, ""},
		{"a list", []string{"Bearer " + a.token + ", Bearer " + a.token}, true, false, "bad-cookie"},
		{"cut", []string{"Bearer " + a.token[:63]}, true, false, "bad-cookie"},
		{"NUL", []string{"Bearer " + a.token[:63] + "\x00"}, true, false, "bad-cookie"},
		{"path", []string{"Bearer ../../etc/passwd"}, true, false, "bad-cookie"},
		{"a megabyte", []string{"Bearer " + strings.Repeat("A", 1<<20)}, true, false, "bad-cookie"},
	}
	for _, tc := range tests {
		g.kinds()
		g.spy.taken()
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		r.Header["Authorization"] = tc.lines
		r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: cookie})
		w := httptest.NewRecorder()
		g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, tc.name+": found", !s.IsNew(), tc.found)
			equal(t, tc.name+": mine", session.Get(s, "data", "") == "mine", tc.found && !tc.header)
		}).ServeHTTP(w, r)
		equal(t, tc.name+": status", w.Code, http.StatusOK)
		equal(t, tc.name+": events", g.kinds(), tc.events)
		equal(t, tc.name+": calls", g.spy.taken() != "", tc.found)
		want := session.Token(cookie)
		if tc.header {
			want = session.Token(a.token)
		}
		if got := g.TokenOf(r); tc.found && got != want || tc.name == "two" && got != "" {
			t.Errorf("%s: TokenOf returns another token", tc.name)
		}
	}
}

// TestTokenHeaderAndOrigin: a request whose token is in a header needs no check of its origin,
// nor does one with a key and without a cookie. Another request is checked as usual, and what
// middleware does to the headers afterwards changes nothing.
func TestTokenHeaderAndOrigin(t *testing.T) {
	for _, only := range []bool{false, true} {
		g := newRig(t, byHeader("Authorization", only), func(c *session.Config) { c.Transport.KeyHeaders = []string{"x-api-key", "Authorization"} })
		a := &apiClient{g: g}
		a.send(t, write)
		tests := []struct {
			name   string
			header [2]string
			cookie bool
			passes bool
		}{
			{"a form", [2]string{}, false, false},
			{"a form, with the cookie", [2]string{}, true, false},
			{"a token", [2]string{"Authorization", "Bearer " + a.token}, false, true},
			{"a token beside the cookie", [2]string{"Authorization", "Bearer " + a.token}, true, true},
			{"an unknown token beside the cookie", [2]string{"Authorization", "Bearer x"}, true, true},
			{"no token yet, beside the cookie", [2]string{"Authorization", "Bearer"}, true, true},
			{"credentials that browsers add", [2]string{"Authorization", "Basic dXNlcjpwYXNz"}, false, false},
			{"credentials that browsers add, and the cookie", [2]string{"Authorization", "Basic dXNlcjpwYXNz"}, true, false},
			{"a key", [2]string{"X-Api-Key", "k"}, false, true},
			{"a key beside the cookie", [2]string{"X-Api-Key", "k"}, true, false},
			{"an empty key", [2]string{"X-Api-Key", ""}, false, false},
		}
		b := newBrowser()
		if !only {
			b = g.signedUp(t, "mine")
		}
		for _, tc := range tests {
			r := httptest.NewRequest("POST", "https://example.com/", nil)
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if tc.header[0] != "" {
				r.Header.Set(tc.header[0], tc.header[1])
			}
			if tc.cookie {
				r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: g.token(b) + "x"})
				r.Header["Cookie"] = []string{g.CookieName() + "=" + g.token(b)}
			}
			w := httptest.NewRecorder()
			acted := false
			stripped := func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization") // as an authenticating middleware may do
				s, err := session.From(r.Context())
				if err != nil {
					t.Fatal(err)
				}
				acted = true
				if tc.cookie && session.Get(s, "data", "") == "mine" {
					t.Errorf("%s: the request acts on the session of the cookie", tc.name)
				}
			}
			g.Handler(http.HandlerFunc(stripped)).ServeHTTP(w, r)
			if acted != tc.passes || (w.Code == http.StatusForbidden) == tc.passes {
				t.Errorf("%s: status %d, the handler ran: %t; want %t", tc.name, w.Code, acted, tc.passes)
			}
		}
	}
}

// TestTokenHeaderRotates: a periodic rotation sends the new token in the header. The previous
// one works for the grace.
func TestTokenHeaderRotates(t *testing.T) {
	g := newRig(t, byHeader("Authorization", false), func(c *session.Config) { c.RotateEvery, c.Grace = time.Hour, time.Minute })
	a := &apiClient{g: g}
	a.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", 1) })
	old := *a
	g.clock.Advance(time.Hour)
	a.send(t, read)
	equal(t, "rotated", a.token != old.token, true)
	late := old
	late.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "n within the grace", session.Get(s, "n", 0), 1)
	})
	equal(t, "a token for the late request", late.token, old.token)
	g.clock.Advance(2 * time.Minute)
	old.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "new after the grace", s.IsNew(), true)
	})
	a.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "n", session.Get(s, "n", 0), 1)
	})
	// What came with a token that a login has replaced gets no token at all.
	old = *a
	a.send(t, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ann") })
	equal(t, "status of a replaced token", old.send(t, write).Code, http.StatusConflict)
	equal(t, "its token", old.token != "" && old.token != a.token, true)
}

// TestTokenHeaderCrossSite: a single-page application on another site creates a session by
// header; no cookie of a browser is at stake.
func TestTokenHeaderCrossSite(t *testing.T) {
	g := newRig(t, byHeader("X-Session-Token", false))
	a := &apiClient{g: g, with: http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://spa.example"}}}
	a.send(t, write)
	equal(t, "a token", a.token != "", true)
	equal(t, "events", g.kinds(), "created")
}

// TestReuseOfHeaderToken: a header token that was replaced long ago is recognized outside the
// middleware, too, where it may be one of several kinds.
func TestReuseOfHeaderToken(t *testing.T) {
	var kinds []session.EventKind
	m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{
		Transport:   session.TransportConfig{Header: "X-Session"},
		RotateEvery: 10 * time.Minute,
		OnEvent:     func(_ context.Context, e session.Event) { kinds = append(kinds, e.Kind) },
	})
	request := func(token session.Token) session.Token {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Session", string(token))
		w := httptest.NewRecorder()
		m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if s.Owner() == "" {
				s.Login("ada")
			}
			s.Set("a", 1)
		})(w, r)
		return session.Token(w.Header().Get("X-Session"))
	}
	old := request("")
	advance(11 * time.Minute)
	if next := request(old); next == "" || next == old {
		t.Fatal("the token was not replaced")
	}
	advance(time.Minute)
	kinds = nil
	load(t, m, old)
	if !slices.Contains(kinds, session.EventTokenReuse) {
		t.Errorf("events %v, want %s", kinds, session.EventTokenReuse)
	}
}

// TestCommitToken: outside the middleware, a session of a header is committed by
// CommitToken, and Commit refuses it before it stores anything.
func TestCommitToken(t *testing.T) {
	g := newRig(t, byHeader("Authorization", true))
	s := load(t, g.Manager, "")
	s.Login("ann")
	if c, err := g.Commit(t.Context(), s); c != nil || err == nil || !strings.Contains(err.Error(), "CommitToken") {
		t.Errorf("Commit = %v, %v", c, err)
	}
	equal(t, "calls", g.spy.taken(), "")
	token, changed, err := g.CommitToken(t.Context(), s)
	if token == "" || !changed || err != nil {
		t.Fatalf("CommitToken = %t, %v", changed, err)
	}
	s = load(t, g.Manager, token)
	equal(t, "owner", s.Owner(), "ann")
	s.Set("x", 1)
	if t2, changed, err := g.CommitToken(t.Context(), s); t2 != "" || changed || err != nil {
		t.Errorf("CommitToken without a new token = %t, %t, %v", t2 == "", changed, err)
	}
	s.Invalidate()
	if t2, changed, err := g.CommitToken(t.Context(), s); t2 != "" || !changed || err != nil {
		t.Errorf("CommitToken after Invalidate = %t, %t, %v", t2 == "", changed, err)
	}
	// The token of a cookie is committed by either.
	h := newRig(t, byHeader("Authorization", false))
	s = load(t, h.Manager, "")
	s.Set("x", 1)
	token, changed, err = h.CommitToken(t.Context(), s)
	equal(t, "for a cookie", changed && err == nil && h.data(t, string(token))["x"] == int64(1), true)
	if _, _, err := h.CommitToken(t.Context(), load(t, g.Manager, "")); err == nil {
		t.Error("CommitToken takes another manager's session")
	}
	if _, _, err := h.CommitToken(t.Context(), nil); err == nil {
		t.Error("CommitToken takes nil")
	}
}

// TestTransportMistakes: headers that other sites can make browsers send are refused.
func TestTransportMistakes(t *testing.T) {
	for _, name := range []string{"Accept", "content-type", "Cookie", "Origin", "Sec-Fetch-Site", "Save-Data", "Range", "a b", "X:", "Ünicode", strings.Repeat("x", 129)} {
		for _, only := range []bool{false, true} {
			cfg := session.Config{Transport: session.TransportConfig{Header: name, HeaderOnly: only}}
			if got := mistakes(t, cfg); !slices.Equal(got, []string{"Transport.Header"}) {
				t.Errorf("%q: mistakes %q", name, got)
			}
		}
		cfg := session.Config{Transport: session.TransportConfig{KeyHeaders: []string{"X-Api-Key", name}}}
		if got := mistakes(t, cfg); !slices.Equal(got, []string{"Transport.KeyHeaders"}) {
			t.Errorf("%q: mistakes %q", name, got)
		}
	}
	if got := mistakes(t, session.Config{Transport: session.TransportConfig{HeaderOnly: true}}); !slices.Equal(got, []string{"Transport.HeaderOnly"}) {
		t.Errorf("mistakes %q", got)
	}
	never := session.Config{Transport: session.TransportConfig{Header: "X-Auth", HeaderOnly: true}}
	never.TakeOver = func(*http.Request, func(func(context.Context)) (session.Token, error)) (session.Token, error) {
		return "", nil
	}
	if got := mistakes(t, never); !slices.Equal(got, []string{"TakeOver"}) {
		t.Errorf("mistakes %q", got)
	}
	if got := mistakes(t, session.Config{Transport: session.TransportConfig{Header: "X-Auth", KeyHeaders: []string{"X-Key", "Authorization"}}}); got != nil {
		t.Errorf("mistakes %q", got)
	}
}

// TestTokenHeaderScope: the application and the cookie's name separate token headers as they
// separate cookies.
func TestTokenHeaderScope(t *testing.T) {
	g := newRig(t, byHeader("Authorization", true))
	a := &apiClient{g: g}
	a.send(t, write)
	for name, c := range map[string]func(*session.Config){
		"another application":       func(c *session.Config) { c.Application = "other" },
		"another name":              func(c *session.Config) { c.Cookie.Name = "other" },
		"a name that looks like it": func(c *session.Config) { c.Cookie.Name = "header" },
	} {
		other := newRigOn(t, g.spy, byHeader("Authorization", true), c)
		equal(t, name, load(t, other.Manager, session.Token(a.token)).IsNew(), true)
	}
	same := newRigOn(t, g.spy, byHeader("X-Token", false))
	equal(t, "another header", load(t, same.Manager, session.Token(a.token)).IsNew(), false)
}
