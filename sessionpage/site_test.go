package sessionpage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
	"github.com/expanse-go/session/sessiontest"
)

const (
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

// A site is an application with both pages.
type site struct {
	t       *testing.T
	manager *session.Manager
	mux     *http.ServeMux
}

// newSite serves the pages at /account/sessions/ and /admin/. Sign in at /sign-in?as=name.
// The administrator is called root.
func newSite(t *testing.T, store session.Store, config session.Config, account sessionpage.AccountConfig, admin sessionpage.AdminConfig) *site {
	t.Helper()
	if store == nil {
		store = memstore.New(memstore.Config{})
	}
	m, err := session.New(store, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	if admin.Authorize == nil {
		admin.Authorize = func(_ *http.Request, s *session.Session) bool { return s.Owner() == "root" }
	}
	yours, err := sessionpage.NewAccount(m, account)
	if err != nil {
		t.Fatal(err)
	}
	all, err := sessionpage.NewAdmin(m, admin)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t, m, http.NewServeMux()}
	s.mux.Handle("/account/sessions/", http.StripPrefix("/account/sessions", yours))
	s.mux.Handle("/admin/", http.StripPrefix("/admin", all))
	s.mux.Handle("POST /sign-in", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login(r.FormValue("as"))
		fmt.Fprint(w, "hello")
	}))
	s.mux.Handle("GET /who", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, s.Owner())
	}))
	return s
}

func plainSite(t *testing.T) *site {
	t.Helper()
	return newSite(t, nil, session.Config{}, sessionpage.AccountConfig{SignIn: "/sign-in"}, sessionpage.AdminConfig{CountEvery: -1})
}

// client returns a browser; with a name, it is signed in.
func (s *site) client(name, agent string) *sessiontest.Client {
	s.t.Helper()
	c := sessiontest.NewClient(s.t, s.mux)
	c.Header = http.Header{"User-Agent": {agent}}
	if name != "" {
		if r := c.Submit("/sign-in", url.Values{"as": {name}}); r.StatusCode != http.StatusOK {
			s.t.Fatalf("sign-in: %s", r.Status)
		}
	}
	return c
}

// who returns the owner of a browser's session.
func who(c *sessiontest.Client) string { return c.Get("/who").Text }

var (
	idField  = regexp.MustCompile(`name="id" value="([0-9a-f]{32})"`)
	isolates = regexp.MustCompile("[\u2068\u2069]")
	blank    = regexp.MustCompile(`\s+`)
)

// ids returns the sessions that a page offers to end, in order.
func ids(r *sessiontest.Response) (list []string) {
	for _, m := range idField.FindAllStringSubmatch(r.Text, -1) {
		list = append(list, m[1])
	}
	return list
}

// text returns a page without isolates and with single spaces.
func text(r *sessiontest.Response) string {
	return blank.ReplaceAllString(isolates.ReplaceAllString(r.Text, ""), " ")
}

// has checks the status of a page, and that it contains the texts.
func has(t *testing.T, r *sessiontest.Response, status int, wants ...string) {
	t.Helper()
	if r.StatusCode != status {
		t.Errorf("%s: status %d, want %d", r.Request.URL.Path, r.StatusCode, status)
	}
	for _, want := range wants {
		if !strings.Contains(text(r), want) {
			t.Errorf("%s does not contain %q:\n%s", r.Request.URL.Path, want, text(r))
		}
	}
}

func lacks(t *testing.T, r *sessiontest.Response, texts ...string) {
	t.Helper()
	for _, unwanted := range texts {
		if strings.Contains(text(r), unwanted) {
			t.Errorf("%s contains %q:\n%s", r.Request.URL.Path, unwanted, text(r))
		}
	}
}
