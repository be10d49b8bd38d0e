package audit

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// cookie returns the Set-Cookie of a login, as text and parsed.
func cookie(t *testing.T, configure ...func(*session.Config)) (string, *http.Cookie) {
	t.Helper()
	w := newSite(t, memstore.New(memstore.Config{}), configure...).visitor("").must("POST", login)
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 1 {
		t.Fatalf("Set-Cookie %q, want one", lines)
	}
	return lines[0], w.Result().Cookies()[0]
}

// refusedFields returns the fields that New refuses, sorted as it reports them.
func refusedFields(cfg session.Config) (fields []string) {
	_, err := session.New(memstore.New(memstore.Config{}), cfg)
	if err == nil {
		return nil
	}
	for _, m := range regexp.MustCompile(`Config\.([\w.]+) =`).FindAllStringSubmatch(err.Error(), -1) {
		fields = append(fields, m[1])
	}
	return fields
}

func TestCK1Secure(t *testing.T) {
	_, c := cookie(t)
	equal(t, "Secure", c.Secure, true)
	_, c = cookie(t, func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true })
	equal(t, "Secure with DangerouslyAllowHTTP", c.Secure, false)
}

func TestCK2HTTPOnly(t *testing.T) {
	_, c := cookie(t)
	equal(t, "HttpOnly", c.HttpOnly, true)
	_, c = cookie(t, func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true })
	equal(t, "HttpOnly with DangerouslyAllowHTTP", c.HttpOnly, true)
}

func TestCK3SameSite(t *testing.T) {
	line, c := cookie(t)
	if c.SameSite != http.SameSiteLaxMode || !strings.Contains(line, "SameSite=Lax") {
		t.Errorf("got %q, want SameSite=Lax", line)
	}
	_, c = cookie(t, func(c *session.Config) { c.Cookie.SameSite = http.SameSiteStrictMode })
	equal(t, "SameSite", c.SameSite, http.SameSiteStrictMode)
}

func TestCK4HostPrefix(t *testing.T) {
	_, c := cookie(t)
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || c.Path != "/" || c.Domain != "" {
		t.Errorf("got %v, want what the prefix __Host- demands", c)
	}
}

func TestCK5HTTPPrefix(t *testing.T) {
	const name = "__Host-Http-session"
	_, c := cookie(t, func(c *session.Config) { c.Cookie.Name = name })
	if c.Name != name || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("got %v, want what the prefix __Host-Http- demands", c)
	}
	equal(t, "refused with DangerouslyAllowScript",
		fmt.Sprint(refusedFields(session.Config{Cookie: session.CookieConfig{Name: name, DangerouslyAllowScript: true}})), "[Cookie.Name]")
}

func TestCK6ContradictionsRefused(t *testing.T) {
	none := http.SameSiteNoneMode
	for name, c := range map[string]struct {
		cookie session.CookieConfig
		field  string
	}{
		"__Host- with a domain":        {session.CookieConfig{Domain: "example.com"}, "Cookie.Domain"},
		"__Host- with a path":          {session.CookieConfig{Path: "/app"}, "Cookie.Path"},
		"__Host- over HTTP":            {session.CookieConfig{Name: "__Host-id", DangerouslyAllowHTTP: true}, "Cookie.Name"},
		"__host- over HTTP":            {session.CookieConfig{Name: "__host-id", DangerouslyAllowHTTP: true}, "Cookie.Name"},
		"__HOST- without the prefix":   {session.CookieConfig{Name: "__HOST-id", DangerouslyDropHostPrefix: true}, "Cookie.Name"},
		"__secure- over HTTP":          {session.CookieConfig{Name: "__secure-id", DangerouslyAllowHTTP: true}, "Cookie.Name"},
		"None":                         {session.CookieConfig{SameSite: none}, "Cookie.SameSite"},
		"None over HTTP":               {session.CookieConfig{SameSite: none, DangerouslyAllowCrossSite: true, DangerouslyAllowHTTP: true}, "Cookie.SameSite"},
		"Partitioned with Lax":         {session.CookieConfig{Partitioned: true}, "Cookie.Partitioned"},
		"an unknown SameSite":          {session.CookieConfig{SameSite: 99}, "Cookie.SameSite"},
		"a name with a separator":      {session.CookieConfig{Name: "a;b"}, "Cookie.Name"},
		"a path with a separator":      {session.CookieConfig{Path: "/;Domain=evil.example", DangerouslyDropHostPrefix: true}, "Cookie.Path"},
		"a domain that is no domain":   {session.CookieConfig{Domain: "ex ample", DangerouslyDropHostPrefix: true}, "Cookie.Domain"},
		"IsHTTPS with a Secure cookie": {session.CookieConfig{IsHTTPS: func(*http.Request) bool { return true }}, "Cookie.IsHTTPS"},
	} {
		if got := refusedFields(session.Config{Cookie: c.cookie}); len(got) == 0 || got[0] != c.field {
			t.Errorf("%s: refused %v, want %s", name, got, c.field)
		}
	}
	const tooLong = 401 * 24 * time.Hour
	equal(t, "more than 400 days", fmt.Sprint(refusedFields(session.Config{AbsoluteTimeout: tooLong})), "[AbsoluteTimeout]")
	equal(t, "more than 400 days idle", fmt.Sprint(refusedFields(session.Config{IdleTimeout: tooLong, AbsoluteTimeout: -1})), "[IdleTimeout]")
	equal(t, "the zero Config", len(refusedFields(session.Config{})), 0)
}

func TestCK7NoDomainAndRootPath(t *testing.T) {
	line, c := cookie(t)
	if c.Domain != "" || c.Path != "/" || strings.Contains(strings.ToLower(line), "domain") {
		t.Errorf("got %q, want Path=/ and no domain", line)
	}
}

func TestCK8DeletionRepeatsAttributes(t *testing.T) {
	for name, change := range map[string]func(*session.Config){
		"default": func(*session.Config) {},
		"domain": func(c *session.Config) {
			c.Cookie.DangerouslyDropHostPrefix, c.Cookie.Domain, c.Cookie.Path = true, "example.com", "/app"
		},
		"HTTP": func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true },
		"partitioned": func(c *session.Config) {
			c.Cookie.DangerouslyAllowCrossSite, c.Cookie.SameSite, c.Cookie.Partitioned = true, http.SameSiteNoneMode, true
		},
	} {
		v := newSite(t, memstore.New(memstore.Config{}), change).visitor("")
		set := v.must("POST", login).Result().Cookies()
		deleted := v.must("POST", logout).Result().Cookies()
		if len(set) != 1 || len(deleted) != 1 {
			t.Fatalf("%s: %d cookies of the login and %d of the logout", name, len(set), len(deleted))
		}
		a, b := set[0], deleted[0]
		if a.Name != b.Name || a.Path != b.Path || a.Domain != b.Domain || a.Secure != b.Secure || a.SameSite != b.SameSite || a.Partitioned != b.Partitioned || b.MaxAge >= 0 {
			t.Errorf("%s: set by %v, deleted by %v", name, a, b)
		}
		jar := must(cookiejar.New(nil))(t)
		u := must(url.Parse("https://example.com/app/page"))(t)
		jar.SetCookies(u, set)
		equal(t, name+": cookies in the jar", len(jar.Cookies(u)), 1)
		jar.SetCookies(u, deleted)
		equal(t, name+": cookies left in the jar", len(jar.Cookies(u)), 0)
	}
}

func TestCK9OneCookiePerResponse(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	twice := st.Handler(st.Handler(st.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("data", 1)
		s.Login("ada")
		s.Regenerate()
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})))
	w := httptest.NewRecorder()
	twice.ServeHTTP(w, httptest.NewRequest("POST", "https://example.com/", nil))
	equal(t, "cookies of a redirect in nested middleware", len(w.Header()["Set-Cookie"]), 1)
	again := func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Invalidate()
		s.Login("bob")
		http.Error(w, "no", http.StatusBadRequest)
	}
	v := st.member("ada")
	equal(t, "cookies of a logout and a login on an error page", len(v.do("POST", again).Header()["Set-Cookie"]), 1)
	for _, h := range []handler{read, write, func(http.ResponseWriter, *http.Request, *session.Session) {}} {
		equal(t, "cookies without a new token", len(v.must("POST", h).Header()["Set-Cookie"]), 0)
	}
}

func TestCK10CookieFitsBrowsers(t *testing.T) {
	labels := strings.Repeat(strings.Repeat("a", 63)+".", 3) + "example.com"
	_, c := cookie(t, func(c *session.Config) {
		c.Cookie.Name, c.Cookie.DangerouslyDropHostPrefix, c.Cookie.Domain = strings.Repeat("n", 100), true, labels
	})
	if n := len(c.Name) + len(c.Value); n > 4096 || len(c.Value) != 64 {
		t.Errorf("name and value have %d bytes, the value %d; want at most 4096, and 64", n, len(c.Value))
	}
	equal(t, "a name that is too long", fmt.Sprint(refusedFields(session.Config{Cookie: session.CookieConfig{Name: strings.Repeat("n", 4000)}})), "[Cookie.Name]")
}

func TestCK11GenericName(t *testing.T) {
	_, c := cookie(t)
	equal(t, "the name", c.Name, cookieName)
}

func TestCK12Partitioned(t *testing.T) {
	line, c := cookie(t, func(c *session.Config) {
		c.Cookie.DangerouslyAllowCrossSite, c.Cookie.SameSite, c.Cookie.Partitioned = true, http.SameSiteNoneMode, true
	})
	if !c.Partitioned || !c.Secure || c.SameSite != http.SameSiteNoneMode {
		t.Errorf("got %q", line)
	}
	_, c = cookie(t)
	equal(t, "Partitioned by default", c.Partitioned, false)
}

func TestCK13PlantedCookieBeside(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	mine, planted := st.member("ada"), st.member("eve")
	for name, c := range map[string]struct{ first, second, want string }{
		"invented first":   {invented(), mine.token, "ada"},
		"invented second":  {mine.token, invented(), "ada"},
		"malformed first":  {"bad", mine.token, "ada"},
		"malformed second": {mine.token, "bad", "ada"},
		"planted first":    {planted.token, mine.token, ""}, // both are sessions, so neither is trusted
		"planted second":   {mine.token, planted.token, ""},
		"twice the same":   {mine.token, mine.token, "ada"},
	} {
		for _, separator := range []string{"; ", "\n"} {
			r := httptest.NewRequest("POST", "https://example.com/", nil)
			r.Header["Cookie"] = strings.Split(cookieName+"="+c.first+separator+cookieName+"="+c.second, "\n")
			w := st.serve(r, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				if s.Owner() != c.want {
					t.Errorf("%s: the owner is %q, want %q", name, s.Owner(), c.want)
				}
				s.Set("data", "written")
			})
			if len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: the visitor's cookie is replaced", name)
			}
		}
	}
	st.alive("the planted session", planted.token, "eve/eve")
}

func TestCK14CookieParsingBounded(t *testing.T) {
	text := must(os.ReadFile("../../../go.mod"))(t)
	var major, minor, patch int
	_, line, _ := strings.Cut(string(text), "\ngo ")
	if n, err := fmt.Sscanf(line, "%d.%d.%d", &major, &minor, &patch); n != 3 || major != 1 || minor < 25 || minor == 25 && patch < 2 {
		t.Errorf("go.mod permits Go %d.%d.%d (%v), want at least 1.25.2, for CVE-2025-58186", major, minor, patch, err)
	}
	st := newSite(t, memstore.New(memstore.Config{}))
	token := st.member("ada").token
	crowd := strings.Repeat("a=b; ", 10_000)
	for _, cookies := range []string{crowd + cookieName + "=" + token, cookieName + "=" + token + "; " + crowd} {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		r.Header.Set("Cookie", cookies)
		if got := st.TokenOf(r); got != session.Token(token) {
			t.Error("the cookie was not found among 10 000")
		}
		if n := testing.AllocsPerRun(10, func() { st.TokenOf(r) }); n > 4 {
			t.Errorf("reading the cookie among 10 000 allocates %v times", n)
		}
	}
	many := httptest.NewRequest("GET", "https://example.com/", nil)
	for range 10_000 {
		many.Header.Add("Cookie", cookieName+"="+invented())
	}
	st.took()
	equal(t, "status", st.serve(many, read).Code, http.StatusOK)
	if n := strings.Count(st.took(), "unknown-token"); n > 4 {
		t.Errorf("%d tokens of one request were looked up", n)
	}
	server := httptest.NewTLSServer(st.HandlerFunc(read))
	defer server.Close()
	r := must(http.NewRequestWithContext(t.Context(), "GET", server.URL, nil))(t)
	r.Header.Set("Cookie", cookieName+"="+strings.Repeat("a", 2<<20))
	w := must(server.Client().Do(r))(t)
	w.Body.Close()
	equal(t, "status of a header of 2 MB", w.StatusCode, http.StatusRequestHeaderFieldsTooLarge)
}
