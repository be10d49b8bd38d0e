package sessiontest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// echo responds with the parts of the request that affect sessions.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	cookies := make([]string, 0, 4)
	for _, k := range r.Cookies() {
		cookies = append(cookies, k.Name)
	}
	purpose := r.Header.Get("Sec-Purpose")
	fmt.Fprintf(w, "%s %s mode=%s site=%s origin=%s cookies=%s%s", r.Method, r.URL.Path,
		r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin"), strings.Join(cookies, ","), purpose)
})

func TestClientHeaders(t *testing.T) {
	c := sessiontest.NewClient(t, echo)
	for _, k := range []string{"none=1; SameSite=None; Secure", "lax=1; SameSite=Lax", "unset=1", "strict=1; SameSite=Strict"} {
		k, err := http.ParseSetCookie(k + "; Path=/")
		must(t, err)
		c.SetCookie(k)
	}
	evil := c.From("https://evil.example")
	for _, test := range []struct{ got, want string }{
		{c.Get("/a").Text, "GET /a mode=navigate site=same-origin origin= cookies=none,lax,unset,strict"},
		{c.Submit("/a", url.Values{"k": {"v"}}).Text, "POST /a mode=navigate site=same-origin origin=https://example.com cookies=none,lax,unset,strict"},
		{c.Fetch("GET", "/a", nil).Text, "GET /a mode=cors site=same-origin origin= cookies=none,lax,unset,strict"},
		{c.Fetch("PUT", "/a", strings.NewReader("x")).Text, "PUT /a mode=cors site=same-origin origin=https://example.com cookies=none,lax,unset,strict"},
		{c.Prefetch("/a").Text, "GET /a mode=navigate site=same-origin origin= cookies=none,lax,unset,strictprefetch"},
		{evil.Get("/a").Text, "GET /a mode=navigate site=cross-site origin= cookies=none,lax,unset"},
		{evil.Submit("/a", nil).Text, "POST /a mode=navigate site=cross-site origin=https://evil.example cookies=none"},
		{evil.Fetch("GET", "/a", nil).Text, "GET /a mode=cors site=cross-site origin=https://evil.example cookies=none"},
		{c.From("https://www.example.com").Get("/a").Text, "GET /a mode=navigate site=same-site origin= cookies=none,lax,unset,strict"},
		{c.From("http://example.com").Get("/a").Text, "GET /a mode=navigate site=cross-site origin= cookies=none,lax,unset"},
		{c.Do(httptest.NewRequest("POST", "/a", nil)).Text, "POST /a mode= site= origin= cookies=none,lax,unset,strict"},
		{c.Get("https://other.example/a").Text, "GET /a mode=navigate site=cross-site origin= cookies="},
	} {
		if test.got != test.want {
			t.Errorf("got  %s\nwant %s", test.got, test.want)
		}
	}
}

func TestClientUserHeader(t *testing.T) {
	c := sessiontest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/end", http.StatusFound)
			return
		}
		fmt.Fprint(w, r.Header["X-Test"], r.RemoteAddr)
	}))
	c.Header = http.Header{"X-Test": {"a", "b"}}
	w := c.Get("/")
	if got, want := w.Text, "[a b]192.0.2.1:1234"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if first := w.Request.Response; first == nil || first.StatusCode != http.StatusFound {
		t.Errorf("the redirect is not in Request.Response: %v", first)
	}
}

// app has routes that sign in, show a message once, and count.
func app(t *testing.T, cfg session.Config) (*session.Manager, http.Handler) {
	t.Helper()
	m, err := session.New(newStore(), cfg)
	must(t, err)
	t.Cleanup(func() { _ = m.Close(t.Context()) })
	mux := http.NewServeMux()
	mux.Handle("POST /login", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login(r.FormValue("name"))
		s.Flash("status", "Welcome.")
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	mux.Handle("POST /count", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Update(s, "n", func(n int) int { return n + 1 })
	}))
	mux.Handle("GET /", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprintf(w, "%s:%s", s.Owner(), session.Get(s, "status", ""))
	}))
	return m, mux
}

func TestClientVisit(t *testing.T) {
	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	m, h := app(t, session.Config{Now: clock.Now, AbsoluteTimeout: 24 * time.Hour})
	c := sessiontest.NewClient(t, h)
	c.Now = clock.Now
	visit := func(want string) {
		t.Helper()
		if got := c.Get("/").Text; got != want {
			t.Errorf("got page %q, want %q", got, want)
		}
	}
	visit(":")
	if got := c.Submit("/login", url.Values{"name": {"ana"}}).Text; got != "ana:Welcome." {
		t.Errorf("after the login got page %q, want %q", got, "ana:Welcome.")
	}
	visit("ana:")
	if got := c.Session(m).Owner(); got != "ana" {
		t.Errorf("Session: owner %q, want ana", got)
	}
	if w := c.From("https://evil.example").Submit("/count", nil); w.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign form got status %d, want 403", w.StatusCode)
	}
	c.Restart()
	visit("ana:")
	before := c.Cookie(m.CookieName())
	clock.Advance(25 * time.Hour)
	if k := c.Cookie(m.CookieName()); before == nil || k != nil {
		t.Errorf("cookie %v, and a day later %v; want one, and then none", before, k)
	}
	visit(":")
}

// TestClientTabs writes to one session from many goroutines at once.
func TestClientTabs(t *testing.T) {
	m, h := app(t, session.Config{})
	c := sessiontest.NewClient(t, h)
	c.Submit("/login", url.Values{"name": {"ana"}})
	var tabs sync.WaitGroup
	for range 20 {
		tabs.Go(func() { c.Fetch("POST", "/count", nil) })
	}
	tabs.Wait()
	if got, want := session.Get(c.Session(m), "n", 0), 20; got != want {
		t.Errorf("counted %d, want %d", got, want)
	}
}

func TestClientServer(t *testing.T) {
	m, h := app(t, session.Config{})
	for _, test := range []struct {
		name  string
		start func(http.Handler) *httptest.Server
		want  string
	}{
		{"TLS", httptest.NewTLSServer, "ana:Welcome."},
		{"plain", httptest.NewServer, ":"}, // the Secure cookie is refused
	} {
		t.Run(test.name, func(t *testing.T) {
			s := test.start(h)
			defer s.Close()
			c := sessiontest.NewServerClient(t, s)
			if got := c.Submit("/login", url.Values{"name": {"ana"}}).Text; got != test.want {
				t.Errorf("got page %q, want %q", got, test.want)
			}
			if got, want := c.Session(m).Owner() == "ana", test.name == "TLS"; got != want {
				t.Errorf("signed in: %t, want %t", got, want)
			}
		})
	}
}

// TestClientConnection uses features that an httptest.ResponseRecorder lacks.
func TestClientConnection(t *testing.T) {
	c := sessiontest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/early":
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "late")
		case "/hijack":
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
		}
	}))
	if w := c.Get("/early"); w.StatusCode != http.StatusOK || w.Text != "late" {
		t.Errorf("got %d %q, want 200 late", w.StatusCode, w.Text)
	}
	if w := c.Get("/hijack"); w.Text != "mine" {
		t.Errorf("got %q, want mine", w.Text)
	}
}

// TestClientInBubble uses the client in a bubble of testing/synctest for a day.
func TestClientInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, h := app(t, session.Config{})
		c := sessiontest.NewClient(t, h)
		c.Submit("/login", url.Values{"name": {"ana"}})
		if got := c.Session(m).Owner(); got != "ana" {
			t.Errorf("owner %q, want ana", got)
		}
		<-time.After(24*time.Hour + time.Second)
		if k := c.Cookie(m.CookieName()); k != nil {
			t.Errorf("after a day the client still has the cookie %v", k)
		}
	})
}

// tester records the errors and logs of a test.
type tester struct {
	testing.TB
	mu     sync.Mutex
	errors []string
	logs   []string
}

func (t *tester) Helper() {}

func (t *tester) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func (t *tester) Logf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logs = append(t.logs, fmt.Sprintf(format, args...))
}

func TestClientReports(t *testing.T) {
	rec := &tester{TB: t}
	c := sessiontest.NewClient(rec, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("the handler's mistake")
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	}))
	for _, call := range []func() *sessiontest.Response{
		func() *sessiontest.Response { return c.Get("/panic") },
		func() *sessiontest.Response { return c.Get("/loop") },
		func() *sessiontest.Response { return c.Get("://") },
		func() *sessiontest.Response { return c.Fetch("NO METHOD", "/", nil) },
	} {
		rec.errors = nil
		w := call()
		if w == nil || w.Response == nil || w.StatusCode != 0 || w.Text != "" || w.Header.Get("X") != "" {
			t.Errorf("got %+v, want an empty response", w)
		}
		if len(rec.errors) != 1 {
			t.Errorf("reported %q, want one error", rec.errors)
		}
	}
	rec.errors = nil
	c.SetCookie(&http.Cookie{Name: "__Host-s", Value: "1"})
	if len(rec.errors) != 1 || !strings.Contains(rec.errors[0], "__Host-") {
		t.Errorf("reported %q, want one error that names the cookie", rec.errors)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if got := strings.Join(rec.logs, "\n"); !strings.Contains(got, "the handler's mistake") {
		t.Errorf("the log does not show the panic: %q", got)
	}
}

// TestClientPages checks what tabs share, and that each has a page of its own.
func TestClientPages(t *testing.T) {
	t.Parallel()
	first := sessiontest.NewClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.FormValue("to"); to != "" {
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "k", Value: "v", Path: "/"})
		fmt.Fprintf(w, "%s referer=%s cookies=%d", r.URL.Path, r.Referer(), len(r.Cookies()))
	}))
	second := first.Tab()
	evil := first.From("https://evil.example")
	for i, test := range []struct{ got, want string }{
		{first.Get("/a?q=1#top").Text, "/a referer= cookies=0"},
		{second.Get("/b").Text, "/b referer= cookies=1"},
		{first.Get("/c").Text, "/c referer=https://example.com/a?q=1 cookies=1"},
		{second.Fetch("GET", "/d", nil).Text, "/d referer=https://example.com/b cookies=1"},
		{second.Prefetch("/d").Text, "/d referer=https://example.com/b cookies=1"},
		{second.Get("/d?to=/e").Text, "/e referer=https://example.com/b cookies=1"},
		{second.Get("https://other.example/f").Text, "/f referer=https://example.com/ cookies=0"},
		{second.Tab().Get("/g").Text, "/g referer= cookies=1"},
		{evil.Get("/h").Text, "/h referer=https://evil.example/ cookies=1"},
		{evil.Tab().Get("/h").Text, "/h referer=https://evil.example/ cookies=1"},
		{first.Get("http://example.com/i").Text, "/i referer= cookies=1"},
	} {
		if test.got != test.want {
			t.Errorf("%d: got  %s\n   want %s", i, test.got, test.want)
		}
	}
	w := first.NoRedirects().Get("/a?to=/b")
	if got, want := fmt.Sprint(w.StatusCode, w.Header.Get("Location")), "303/b"; got != want {
		t.Errorf("without redirects: got %s, want %s", got, want)
	}
}
