package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// TestMalformedCookie: a malformed cookie causes no store call and no 500, and no part
// of it is adopted (CVE-2024-3400 began with a cookie that became a file name).
func TestMalformedCookie(t *testing.T) {
	g := newRig(t)
	good := g.token(g.signedUp(t, "mine"))
	name := g.CookieName() + "="
	long := strings.Repeat("A", 64)
	tests := map[string][]string{
		"empty":                    {name},
		"short":                    {name + good[:63]},
		"long":                     {name + good + "A"},
		"a megabyte":               {name + strings.Repeat("A", 1<<20)},
		"standard alphabet":        {name + good[:62] + "+/"},
		"padding":                  {name + good[:62] + "=="},
		"quoted":                   {name + `"` + good + `"`},
		"path":                     {name + strings.Repeat("../", 21) + "x"},
		"forty dots":               {name + strings.Repeat(".", 40)},
		"dots of the right length": {name + strings.Repeat(".", 64)},
		"NUL":                      {name + good[:63] + "\x00"},
		"line breaks":              {name + good[:62] + "\r\n"},
		"space":                    {name + good[:32] + " " + good[33:]},
		"not ASCII":                {name + strings.Repeat("é", 32)},
		"zero ID":                  {name + long},
		"two":                      {name + long + "; " + name},
		"SQL":                      {name + "' OR 1=1 --"},
	}
	for what, cookies := range tests {
		t.Run(what, func(t *testing.T) {
			for _, h := range []handler{read, write} {
				g.kinds()
				g.spy.taken()
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", "https://example.com/", nil)
				r.Header["Cookie"] = cookies
				g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					equal(t, "new", s.IsNew(), true)
					equal(t, "values", len(s.All()), 0)
					h(w, r, s)
				}).ServeHTTP(w, r)
				equal(t, "status", w.Code, http.StatusOK)
				calls, events, set := g.spy.taken(), g.kinds(), w.Result().Cookies()
				if calls == "create" {
					equal(t, "events", events, "bad-cookie created")
					if len(set) != 1 || set[0].Value[:16] == good[:16] || strings.Contains(cookies[0], set[0].Value) {
						t.Errorf("cookies = %v, want one of a new session", set)
					}
					continue
				}
				equal(t, "store calls", calls, "")
				equal(t, "events", events, "bad-cookie")
				equal(t, "cookies", len(set), 0)
			}
		})
	}
	equal(t, "values of the good one", len(g.data(t, good)), 1)
}

// TestCookieAmongOthers: the cookie is found between any others, and only by its exact
// name.
func TestCookieAmongOthers(t *testing.T) {
	g := newRig(t)
	good := g.token(g.signedUp(t, "mine"))
	name := g.CookieName()
	for _, c := range []struct {
		cookies []string
		values  int
	}{
		{[]string{"a=b; " + name + "=" + good + "; c=d"}, 1},
		{[]string{"a=b;" + name + "=" + good}, 1},
		{[]string{";;  \t" + name + "=" + good + " ;"}, 1},
		{[]string{"a=b", name + "=" + good}, 1},
		{[]string{name + "=" + good + "; " + name + "=" + good}, 1},
		{[]string{name + "; " + name + "=" + good}, 1},
		{[]string{name + "=" + good + "; " + name + "=" + strings.Repeat("A", 64)}, 1},
		{[]string{name + "=x; " + name + "=" + good + "; " + name + "=x"}, 1},
		{[]string{name + "=" + good, name + "="}, 1},
		{[]string{"x" + name + "=" + good}, 0},
		{[]string{name + "x=" + good}, 0},
		{[]string{strings.ToLower(name) + "=" + good}, 0},
		{[]string{"a=" + name + "=" + good}, 0},
		{nil, 0},
	} {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		r.Header["Cookie"] = c.cookies
		g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, fmt.Sprintf("values for %q", c.cookies), len(s.All()), c.values)
		}).ServeHTTP(httptest.NewRecorder(), r)
	}
}

// TestUnknownToken: an unknown ID and a wrong secret both count as absent, and neither
// is adopted.
func TestUnknownToken(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "mine")
	other := newRigOn(t, g.spy, func(c *session.Config) { c.Cookie.Name = "other" })
	elsewhere := newRig(t)
	good := g.token(b)
	stranger := elsewhere.token(elsewhere.signedUp(t, "x"))
	for name, c := range map[string]struct {
		g     *rig
		token string
	}{
		"unknown ID":                 {g, stranger},
		"wrong secret":               {g, good[:63] + string('A'+(good[63]-'A'+1)%20)},
		"secret of another":          {g, good[:24] + stranger[24:]},
		"token under another name":   {other, good},
		"token of a deleted session": {elsewhere, good},
	} {
		t.Run(name, func(t *testing.T) {
			for _, h := range []handler{read, write} {
				c.g.kinds()
				w := c.g.with(c.token)
				rep := c.g.visit(w, h)
				equal(t, "status", rep.Code, http.StatusOK)
				events := c.g.kinds()
				if len(rep.set()) == 0 {
					equal(t, "events", events, "unknown-token")
					continue
				}
				equal(t, "events", events, "unknown-token created")
				if got := c.g.token(w); got[:16] == c.token[:16] || got[22:] == c.token[22:] {
					t.Error("the ID or the secret that the client chose is in use")
				}
			}
		})
	}
	equal(t, "data", g.data(t, good)["data"], any("mine"))
}

// TestStoreDown: if the store is down, the response is 503 with Retry-After, the cookie
// stays, and no anonymous session replaces the real one.
func TestStoreDown(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "mine")
	for _, cause := range []error{errors.New("connection refused"), context.DeadlineExceeded, session.ErrFull} {
		g.spy.hook(func(string, session.ID) error { return cause }, nil)
		rep := g.visit(b, func(http.ResponseWriter, *http.Request, *session.Session) {
			t.Error("the handler runs without its session")
		})
		rep.expect(t, http.StatusServiceUnavailable, 0)
		equal(t, "Retry-After", rep.Header().Get("Retry-After"), "2")
		equal(t, "Vary", rep.Header().Get("Vary"), "Cookie")
		equal(t, "events", g.kinds(), "failed")
		g.spy.hook(nil, nil)
	}
	equal(t, "data", g.data(t, g.token(b))["data"], any("mine"))
}

// TestCorruptRecord: whichever bits are flipped and wherever the record ends, the
// visitor gets an empty session and an event reports it. Nothing panics, and no other
// decoder tries the data (CVE-2026-39324, CVE-2018-15133).
func TestCorruptRecord(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", "mine")
		s.Flash("flash", 1)
		s.SetTimeouts(1e9*60, 1e9*3600)
		s.SetPersistent(true)
		s.Login("ada")
	})
	token, whole := g.token(b), g.spy.all()[0]
	var damaged [][]byte
	for i := range whole.Data {
		damaged = append(damaged, whole.Data[:i])
		for bit := range 8 {
			d := bytes.Clone(whole.Data)
			d[i] ^= 1 << bit
			damaged = append(damaged, d)
		}
	}
	damaged = append(damaged, nil, []byte("{}"), bytes.Repeat([]byte{0xff}, 1<<16), append(bytes.Clone(whole.Data), 0))
	g.kinds()
	for _, data := range damaged {
		rec := whole
		rec.Data = data
		g.spy.put(rec)
		g.visit(g.with(token), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if !s.IsNew() || len(s.All()) != 0 || s.Owner() != "" {
				t.Fatalf("a session of %x", data)
			}
		}).expect(t, http.StatusOK, 0)
		if got := g.kinds(); got != "corrupt" {
			t.Fatalf("events = %q, want corrupt", got)
		}
	}
	fresh := g.with(token)
	g.visit(fresh, write).expect(t, http.StatusOK, 1)
	equal(t, "data of the fresh session", g.data(t, g.token(fresh))["data"], any("late"))
	if !strings.Contains(g.log(), whole.ID.String()) {
		t.Error("the log does not name the record")
	}
	for _, err := range g.ListAll(t.Context()) {
		if err != nil && !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("List: %v, want ErrCorrupt", err)
		}
	}
}

// TestCorruptAtCommit: if the record becomes corrupt between load and commit, the
// request fails because its session has ended.
func TestCorruptAtCommit(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "mine")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		rec := g.spy.all()[0]
		rec.Version, rec.Data = 7, []byte("scribble")
		g.spy.put(rec)
		s.Set("a", 1)
	}).expect(t, http.StatusConflict, 0)
	equal(t, "events", g.kinds(), "corrupt dropped")

	g.spy.hook(func(op string, _ session.ID) error { return session.ErrCorrupt }, nil)
	g.visit(b, read).expect(t, http.StatusOK, 0)
	equal(t, "events", g.kinds(), "corrupt")
}

// TestSwappedRecord: the record of one session under the ID of another is accessible
// with neither token.
func TestSwappedRecord(t *testing.T) {
	g := newRig(t)
	a, b := g.signedUp(t, "a"), g.signedUp(t, "b")
	recs := g.spy.all()
	recs[0].ID, recs[1].ID = recs[1].ID, recs[0].ID
	for _, r := range recs {
		g.spy.put(r)
	}
	for _, v := range []*browser{a, b} {
		g.visit(v, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "values", len(s.All()), 0)
		}).expect(t, http.StatusOK, 0)
	}
	equal(t, "events", g.kinds(), "unknown-token unknown-token")
}

// TestUnstorable: a value that cannot be stored causes a 500, and one log entry that
// says what and why. Nothing of the request is stored, and the old data stays.
func TestUnstorable(t *testing.T) {
	tests := map[string]struct {
		f    func(s *session.Session)
		logs []string
	}{
		"channel": {func(s *session.Session) { s.Set("a.b", make(chan int)) }, []string{"a.b", "chan int"}},
		"UTF-8":   {func(s *session.Session) { s.Set("a", "\xff") }, []string{`"a`, "string", "UTF-8"}},
		"one value too large": {func(s *session.Session) { s.Set("big", strings.Repeat("x", 2000)) },
			[]string{"big", "2002", "MaxBytes", "1000"}},
		"together too large": {func(s *session.Session) {
			for i := range 9 {
				s.Set(fmt.Sprintf("k%d", i), strings.Repeat("x", 100+10*i))
			}
		}, []string{"k6", "k5", "k4", "MaxBytes", "1000"}},
		"list in the way":   {func(s *session.Session) { s.Set("list.0", 1) }, []string{"list.0", "Update"}},
		"no path":           {func(s *session.Session) { s.Set("a..b", 1) }, []string{"a..b", "empty"}},
		"owner that is not": {func(s *session.Session) { s.Login("") }, []string{"Invalidate"}},
		"owner with NUL":    {func(s *session.Session) { s.Login("a\x00") }, []string{"NUL"}},
		"long owner":        {func(s *session.Session) { s.Login(strings.Repeat("a", 256)) }, []string{"255"}},
	}
	for name, c := range tests {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", known), func(t *testing.T) {
				g := newRig(t, func(c *session.Config) { c.MaxBytes = 1000 })
				b := newBrowser()
				if known {
					g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
						s.Set("data", "mine")
						s.Set("list", []int{1})
					})
				}
				before := g.spy.all()
				rep := g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					if !known {
						s.Set("data", "mine")
						s.Set("list", []int{1})
					}
					s.Set("other", 1)
					c.f(s)
					io.WriteString(w, "page")
				})
				rep.expect(t, http.StatusInternalServerError, 0)
				equal(t, "body", rep.Body.String(), "Internal Server Error. Nothing was saved.\n")
				for _, want := range c.logs {
					if !strings.Contains(g.log(), want) {
						t.Errorf("log = %s, want %q in it", g.log(), want)
					}
				}
				equal(t, "lines in the log", strings.Count(g.log(), "\n"), 1)
				if got := g.spy.all(); !slices.EqualFunc(got, before, func(a, b session.Record) bool { return a.Version == b.Version && bytes.Equal(a.Data, b.Data) }) {
					t.Errorf("stored: %v", got)
				}
			})
		}
	}
}

// TestLoweredLimit: a session that was stored under a higher limit may become smaller.
func TestLoweredLimit(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("big", strings.Repeat("x", 900))
		s.Set("small", 1)
	})
	low := newRigOn(t, g.spy, func(c *session.Config) { c.MaxBytes = 100 })
	low.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("more", 1) }).expect(t, http.StatusInternalServerError, 0)
	low.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Remove("small") }).expect(t, http.StatusOK, 0)
	low.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Remove("big"); s.Set("more", 1) }).expect(t, http.StatusOK, 0)
}

// TestCrossOrigin tests the requests that another site can make a browser send
// (CVE-2025-24358, CVE-2025-46721, CVE-2025-47910).
func TestCrossOrigin(t *testing.T) {
	const site, origin = "Sec-Fetch-Site", "Origin"
	tests := []struct {
		method  string
		headers map[string]string
		ok      bool
	}{
		{"GET", map[string]string{site: "cross-site", origin: "https://evil.example"}, true},
		{"HEAD", map[string]string{site: "cross-site"}, true},
		{"OPTIONS", map[string]string{site: "cross-site"}, true},
		{"POST", map[string]string{site: "same-origin"}, true},
		{"POST", map[string]string{site: "none"}, true},
		{"POST", map[string]string{site: "same-site", origin: "https://sub.example.com"}, false},
		{"POST", map[string]string{site: "cross-site", origin: "https://evil.example"}, false},
		{"PUT", map[string]string{site: "cross-site"}, false},
		{"DELETE", map[string]string{site: "cross-site"}, false},
		{"PATCH", map[string]string{site: "cross-site"}, false},
		{"POST", map[string]string{site: "cross-site", origin: "https://trusted.example"}, true},
		{"POST", map[string]string{site: "cross-site", origin: "http://trusted.example"}, false},
		{"POST", map[string]string{site: "cross-site", origin: "https://trusted.example:8443"}, false},
		{"POST", map[string]string{site: "cross-site", origin: "https://trusted.example.evil.test"}, false},
		{"POST", map[string]string{site: "cross-site", origin: "null"}, false},
		{"POST", map[string]string{origin: "https://example.com"}, true},
		{"POST", map[string]string{origin: "https://evil.example"}, false},
		{"POST", map[string]string{origin: "http://example.com"}, false},
		{"GET", map[string]string{origin: "http://example.com"}, true},
		{"POST", map[string]string{origin: "null"}, false},
		{"POST", nil, true}, // not a browser
	}
	for _, c := range tests {
		t.Run(fmt.Sprint(c.method, c.headers), func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.TrustedOrigins = []string{"https://trusted.example"} })
			b := g.signedUp(t, "mine")
			r := b.request(c.method)
			for k, v := range c.headers {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			ran := false
			g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				ran = true
				s.Set("data", "changed")
			}).ServeHTTP(w, r)
			equal(t, "handler runs", ran, c.ok)
			equal(t, "status", w.Code, map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[c.ok])
			if !c.ok {
				equal(t, "store calls", g.spy.taken(), "")
				equal(t, "cookies", len(w.Header()["Set-Cookie"]), 0)
			}
		})
	}
	g := newRig(t)
	g.DangerouslyAllowCrossOrigin("POST /webhook")
	for path, want := range map[string]int{"/webhook": 200, "/webhook/x": 403, "/": 403} {
		r := httptest.NewRequest("POST", "https://example.com"+path, nil)
		r.Header.Set(site, "cross-site")
		w := httptest.NewRecorder()
		g.HandlerFunc(read).ServeHTTP(w, r)
		equal(t, path, w.Code, want)
	}
}

// TestNoMiddleware: without the middleware, the error says what to do, and Error still
// writes a response.
func TestNoMiddleware(t *testing.T) {
	g := newRig(t)
	_, err := session.From(t.Context())
	_, own := g.From(t.Context())
	for _, err := range []error{err, own} {
		if !errors.Is(err, session.ErrNoSession) || !strings.Contains(err.Error(), "Manager.Handler") {
			t.Errorf("From = %v, want ErrNoSession and its remedy", err)
		}
	}
	w := httptest.NewRecorder()
	session.Error(w, httptest.NewRequest("GET", "/", nil), err)
	equal(t, "status", w.Code, http.StatusInternalServerError)
}

// TestTokenNeverShows: the token is in the cookie and nowhere else (CVE-2023-20866):
// not in logs, errors, events, records, or the text of a session.
func TestTokenNeverShows(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	var tokens []string
	var seen bytes.Buffer
	js := slog.New(slog.NewJSONHandler(&seen, nil))
	show := func(v any) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&seen, verb+"\n", v)
		}
		if text, err := json.Marshal(v); err == nil {
			seen.Write(text)
		}
		js.Info("test", "value", v)
		slog.New(slog.NewTextHandler(&seen, nil)).Info("test", "value", v)
	}
	visit := func(f func(s *session.Session)) {
		g.visit(b, func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
			token := session.Token(g.token(b))
			for _, v := range []any{s, token, &token, struct{ T session.Token }{token}, map[string]any{"t": token}, []session.Token{token}, g.Manager, r.Context(), s.ID(), s.Err()} {
				show(v)
			}
			if f(s); s.Err() != nil {
				show(s.Err())
			}
			show(s)
		})
		tokens = append(tokens, g.token(b))
	}
	visit(func(s *session.Session) { s.Set("a", 1) })
	visit(func(s *session.Session) { s.Login("ada") })
	visit(func(s *session.Session) { s.Regenerate(); s.Set("x", make(chan int)) })
	visit(func(s *session.Session) { s.SetPersistent(true) })
	g.spy.hook(func(op string, _ session.ID) error {
		if op == "update" {
			return errors.New("down")
		}
		return nil
	}, nil)
	visit(func(s *session.Session) { s.Set("a", 2) })
	g.spy.hook(nil, nil)
	for i, err := range g.ListAll(t.Context()) {
		show(i)
		show(err)
	}
	visit(func(s *session.Session) { s.Invalidate() })
	for _, e := range g.events {
		show(e)
	}
	for _, r := range g.spy.all() {
		show(r)
	}
	all := seen.String() + g.log()
	for _, token := range tokens {
		if token == "" {
			continue
		}
		secret := token[32:] // as text, and as the bytes that %x shows
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if at := strings.Index(all, form); at >= 0 {
				t.Fatalf("a token is in: …%s…", all[max(0, at-200):at+20])
			}
		}
	}
}

// TestListNeedsAnOwner: a visitor who is not signed in cannot list the sessions of
// others.
func TestListNeedsAnOwner(t *testing.T) {
	m := newManager()
	stored(t, m, func(s *session.Session) { s.Login("ada") })
	for i, err := range m.List(t.Context(), "") {
		if err == nil {
			t.Errorf("listed %v", i.ID)
		}
	}
	n := 0
	for range m.ListAll(t.Context()) {
		n++
	}
	if n != 1 {
		t.Errorf("ListAll yielded %d", n)
	}
}
