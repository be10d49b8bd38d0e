package browser

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A web serves every host of the top-level domain test, over HTTPS and over plain HTTP.
type web struct {
	t           *testing.T
	p           *person
	store       session.Store
	app         atomic.Pointer[session.Manager] // of www.example.test
	https, http string                          // ports, with a colon
}

func newWeb(t *testing.T) *web {
	t.Helper()
	need(t)
	w := &web{t: t, store: memstore.New(memstore.Config{})}
	secure, plain := httptest.NewTLSServer(w), httptest.NewServer(w)
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	port := func(s *httptest.Server) string { return s.URL[strings.LastIndex(s.URL, ":"):] }
	w.https, w.http = port(secure), port(plain)
	w.p = visitor(t, &server{url: "https://www.example.test" + w.https},
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	return w
}

// deploy changes the settings.
func (w *web) deploy(c session.CookieConfig) *session.Manager {
	w.t.Helper()
	m, err := session.New(w.store, session.Config{Cookie: c, TrustedOrigins: []string{"https://id.other.test" + w.https}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.app.Store(m)
	return m
}

// ServeHTTP is an application that shows who is signed in, and some other hosts.
func (w *web) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	switch {
	case r.URL.Path == "/favicon.ico":
		http.NotFound(rw, r)
	case host == "www.example.test":
		w.app.Load().HandlerFunc(func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
			if as := r.FormValue("as"); as != "" {
				s.Login(as)
			} else if s.Owner() == "" {
				s.Set("return_to", r.URL.Path)
			}
			fmt.Fprintf(rw, "<p id=owner>%s</p>", html.EscapeString(s.Owner()))
		})(rw, r)
	case host == "evil.example.test":
		q := r.URL.Query()
		http.SetCookie(rw, &http.Cookie{
			Name: w.app.Load().CookieName(), Value: q.Get("value"), Domain: "example.test", Path: q.Get("path"),
			MaxAge: 1e6, Secure: true, Partitioned: q.Has("partitioned"),
		})
	default: // another site
		fmt.Fprintf(rw, `<a href="%s/">link</a> <form method=post action="%[1]s/callback"><button>send</button></form>`, w.p.home)
	}
}

// shows visits a page of the application.
func (w *web) shows(path, owner string) {
	w.t.Helper()
	w.p.visit(path)
	w.p.shows("#owner", owner)
}

// TestChangedCookieSettings is TestField05ChangedSettings of the library in a real browser.
func TestChangedCookieSettings(t *testing.T) {
	w := newWeb(t)
	none := session.CookieConfig{SameSite: http.SameSiteNoneMode, DangerouslyAllowCrossSite: true, DangerouslyDropHostPrefix: true}
	domain, path, partitioned := none, none, none
	domain.Domain, path.Path, partitioned.Partitioned = "example.test", "/app", true
	for _, c := range []session.CookieConfig{none, domain, path, partitioned, none, path, domain} {
		w.deploy(c)
		w.shows("/app/?as=ada", "ada")
		w.shows("/app/", "ada")
		w.shows("/app/", "ada")
	}
}

// TestPlantedCookie is TestField05Planted of the library in a real browser.
func TestPlantedCookie(t *testing.T) {
	w := newWeb(t)
	m := w.deploy(session.CookieConfig{DangerouslyDropHostPrefix: true})
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Login("mallory")
	k, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	w.shows("/account/?as=ada", "ada")
	for _, path := range []string{"/", "/account", "/account/", "/account/mail"} {
		for _, more := range []string{"", "&partitioned"} {
			plant := "https://evil.example.test" + w.https + "/plant?path=" + url.QueryEscape(path) + more + "&value="
			w.p.do(chromedp.Navigate(plant + "garbage"))
			w.shows("/account/mail", "ada")
			w.p.do(chromedp.Navigate(plant + k.Value))
			w.shows("/account/mail", "")
			w.shows("/account/mail", "ada")
		}
	}
}

// TestRequestFromAnotherSite replaces no session, whatever SameSite is.
func TestRequestFromAnotherSite(t *testing.T) {
	for _, mode := range []http.SameSite{http.SameSiteLaxMode, http.SameSiteStrictMode} {
		w := newWeb(t)
		w.deploy(session.CookieConfig{SameSite: mode})
		w.shows("/?as=ada", "ada")
		for css, lax := range map[string]string{"a": "ada", "button": ""} {
			w.p.do(chromedp.Navigate("https://id.other.test" + w.https))
			w.p.press(css)
			if mode == http.SameSiteStrictMode {
				lax = ""
			}
			w.p.shows("#owner", lax)
			w.shows("/", "ada")
		}
	}
}

// TestBothSchemes is TestField28BothSchemes of the library in a real browser.
func TestBothSchemes(t *testing.T) {
	w := newWeb(t)
	w.deploy(session.CookieConfig{DangerouslyAllowHTTP: true, IsHTTPS: func(r *http.Request) bool { return r.TLS != nil }})
	plain := "http://www.example.test" + w.http
	w.shows("/?as=ada", "ada")
	w.p.do(chromedp.Navigate(plain))
	w.p.shows("#owner", "")
	w.p.do(chromedp.Navigate(plain + "/?as=bob"))
	w.p.shows("#owner", "bob")
	w.shows("/", "ada")
	w.p.do(chromedp.Navigate(plain))
	w.p.shows("#owner", "bob")
}
