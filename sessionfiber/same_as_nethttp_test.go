package sessionfiber_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionfiber"
)

// A visit is what a client sends, and what the handler does with the session.
type visit struct {
	name   string
	config session.Config
	method string
	path   string
	header http.Header
	tokens int // cookies of sessions, each of its own
	act    func(s *session.Session)
	status int
}

func set(s *session.Session)   { s.Set("a", 1) }
func login(s *session.Session) { s.Login("ada") }
func read(s *session.Session)  { _ = s.Has("a") }

var plain = session.CookieConfig{DangerouslyAllowHTTP: true}

var visits = []visit{
	{name: "a new session", act: set},
	{name: "only read", act: read},
	{name: "a new session, by a HEAD request", method: "HEAD", act: set},
	{name: "a new session over plain HTTP", config: session.Config{Cookie: plain}, act: set},
	{name: "until the browser is closed", config: session.Config{Cookie: session.CookieConfig{BrowserSession: true}}, act: set},
	{name: "a cookie with all attributes", config: session.Config{Cookie: session.CookieConfig{
		Name: "shop", Domain: "127.0.0.1.example", Path: "/", SameSite: http.SameSiteNoneMode, Partitioned: true,
		DangerouslyDropHostPrefix: true, DangerouslyAllowCrossSite: true, DangerouslyAllowScript: true,
	}}, act: set},
	{name: "a cookie for HTTPS and one for plain HTTP", config: session.Config{Cookie: session.CookieConfig{
		DangerouslyAllowHTTP: true,
		IsHTTPS:              func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" },
	}}, header: http.Header{"X-Forwarded-Proto": {"https"}}, act: set},
	{name: "a session that is there", tokens: 1, act: set},
	{name: "a login", tokens: 1, act: login},
	{name: "a logout", tokens: 1, act: func(s *session.Session) { s.Invalidate() }},
	{name: "two sessions", tokens: 2, path: "/shop/cart", act: set},
	{name: "a login with two sessions", tokens: 2, path: "/shop/cart?x=1", act: login},
	{name: "a logout with two sessions", tokens: 2, act: func(s *session.Session) { s.Invalidate() }},
	{name: "more cookies than are looked up", tokens: 6, act: set},
	{name: "a session and a cookie that is none", tokens: 1, header: http.Header{"Cookie": {"__Host-session=nonsense"}}, act: set},
	{name: "a write that another site has caused", header: site("cross-site", "no-cors", "image"), act: set},
	{name: "a login that another site has caused", header: site("cross-site", "no-cors", "image"), act: login},
	{name: "a link from another site", header: site("cross-site", "navigate", "document"), act: set},
	{name: "a form of another site", method: "POST", header: site("cross-site", "navigate", "document"), tokens: 1, act: set, status: 403},
	{name: "a form of another origin, from an old browser", method: "POST", header: http.Header{"Origin": {"https://evil.example"}}, act: set, status: 403},
	{name: "a form of a trusted origin", method: "POST", config: session.Config{TrustedOrigins: []string{"https://pay.example"}}, header: http.Header{"Origin": {"https://pay.example"}, "Sec-Fetch-Site": {"cross-site"}}, act: set},
	{name: "a form of the site", method: "POST", header: site("same-origin", "navigate", "document"), act: set},
	{name: "a method of another kind", method: "DELETE", header: site("cross-site", "cors", "empty"), act: set, status: 403},
	{name: "too much data", tokens: 1, act: func(s *session.Session) { s.Set("a", strings.Repeat("x", 2<<20)) }, status: 500},
}

func site(site, mode, dest string) http.Header {
	return http.Header{"Sec-Fetch-Site": {site}, "Sec-Fetch-Mode": {mode}, "Sec-Fetch-Dest": {dest}}
}

// TestSameAsNetHTTP sends the same requests to fiber and to net/http, and compares the
// status and the headers that the manager decides about.
func TestSameAsNetHTTP(t *testing.T) {
	t.Parallel()
	for _, v := range visits {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			var got [2]answer
			for i, serve := range []func(*testing.T, *session.Manager, visit) string{serveNetHTTP, serveFiber} {
				got[i] = v.send(t, serve)
			}
			if !got[0].equal(got[1]) {
				t.Errorf("net/http: %v\nfiber:    %v", got[0], got[1])
			}
			if v.status != 0 && got[0].status != v.status {
				t.Errorf("net/http: status %d; want %d", got[0].status, v.status)
			}
		})
	}
}

type answer struct {
	status int
	header http.Header
}

func (a answer) equal(b answer) bool {
	for _, name := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
		if !slices.Equal(a.header[name], b.header[name]) {
			return false
		}
	}
	return a.status == b.status
}

func (a answer) String() string {
	return http.StatusText(a.status) + " " + strings.Join(a.header["Set-Cookie"], " | ") + " Vary: " +
		strings.Join(a.header["Vary"], ",") + " Cache-Control: " + strings.Join(a.header["Cache-Control"], ",")
}

var tokenText = regexp.MustCompile(`^([^=]+)=[\w.-]{20,}`)

func (v visit) send(t *testing.T, serve func(*testing.T, *session.Manager, visit) string) answer {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cfg := v.config
	cfg.Now = func() time.Time { return start }
	m, err := session.New(memstore.New(memstore.Config{}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	method := v.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, serve(t, m, v)+v.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range v.header {
		r.Header[name] = slices.Clone(values)
	}
	for range v.tokens {
		s, err := m.Load(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		s.Set("old", true)
		c, err := m.Commit(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	w.Body.Close()
	for i, line := range w.Header["Set-Cookie"] {
		w.Header["Set-Cookie"][i] = tokenText.ReplaceAllString(line, "$1=TOKEN")
	}
	return answer{w.StatusCode, w.Header}
}

func serveNetHTTP(t *testing.T, m *session.Manager, v visit) string {
	server := httptest.NewServer(m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Add("Set-Cookie", "theme=dark; Path=/")
		w.Header().Add("Vary", "Accept-Encoding")
		v.act(s)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func serveFiber(t *testing.T, m *session.Manager, v visit) string {
	f := fiber.New()
	f.Use(sessionfiber.New(m))
	f.Use(func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		c.Response().Header.Add("Set-Cookie", "theme=dark; Path=/")
		c.Vary("Accept-Encoding")
		v.act(s)
		return nil
	})
	return serve(t, f)
}
