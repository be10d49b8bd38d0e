package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// block returns the code block of a language in a section of docs/api-tokens.md.
func block(t *testing.T, section, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/api-tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## "+section+"\n")
	_, rest, found := strings.Cut(rest, "```"+language+"\n")
	code, _, closed := strings.Cut(rest, "```")
	if !ok || !found || !closed {
		t.Fatalf("docs/api-tokens.md has no %s block in the section %q", language, section)
	}
	return code
}

// TestTokenInAHeader runs the client of docs/api-tokens.md on a page of one site, with an API on
// another one: the token comes and goes in headers, no cookie is set, and a page of a third
// site, which the API does not permit, cannot send the header at all.
func TestTokenInAHeader(t *testing.T) {
	need(t)
	client := block(t, "A single-page application on another origin", "js")
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{Transport: session.TransportConfig{Header: "Authorization"}})
	if err != nil {
		t.Fatal(err)
	}
	var api, app string
	var acts atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		acts.Add(1)
		s.Login("ada")
	}))
	mux.HandleFunc("POST /logout", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }))
	mux.Handle("GET /account", m.RequireLogin("/login")(m.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(rw, s.Owner())
	})))
	web := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if host, _, _ := strings.Cut(r.Host, ":"); host != "api.other.test" {
			fmt.Fprint(rw, `<!DOCTYPE html><link rel=icon href="data:,"><p id=out></p>`)
			return
		}
		h := rw.Header()
		h.Add("Vary", "Origin")
		if r.Header.Get("Origin") == app {
			h.Set("Access-Control-Allow-Origin", app)
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Expose-Headers", "Session-Token")
		}
		if r.Method == http.MethodOptions {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		m.Handler(mux).ServeHTTP(rw, r)
	}))
	t.Cleanup(web.Close)
	port := web.URL[strings.LastIndex(web.URL, ":"):]
	api, app = "https://api.other.test"+port, "https://app.example.test"+port
	p := visitor(t, &server{url: app},
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"))
	show := func(js string) string {
		t.Helper()
		eval[any](p, `document.querySelector("#out").textContent = ""; (async () => { `+js+` })().then(
			(v) => { document.querySelector("#out").textContent = "done " + v },
			(e) => { document.querySelector("#out").textContent = "failed " + e }); 0`)
		p.await(`document.querySelector("#out")?.textContent !== ""`)
		return p.text("#out")
	}

	p.visit("/")
	client = strings.ReplaceAll(client, "https://api.example.com", api)
	eval[any](p, client+"; window.api = api; window.current = () => token; 0")
	if got := show(`const r = await api("/login", {method: "POST"}); return [r.status, current().length]`); got != "done 200,64" {
		t.Errorf("login: %s", got)
	}
	if got := show(`const r = await api("/account"); return [r.status, await r.text()]`); got != "done 200,ada" {
		t.Errorf("account: %s", got)
	}
	if got := show(`const r = await api("/logout", {method: "POST"}); return [r.status, current() === ""]`); got != "done 200,true" {
		t.Errorf("logout: %s", got)
	}
	if cookies := p.cookies(); len(cookies) != 0 {
		t.Errorf("cookies: %v", cookies)
	}
	p.follow(chromedp.EvaluateAsDevTools[chromedp.Void](`void api("/account")`)) // a 401
	if at := eval[string](p, `location.pathname`); at != "/login" {
		t.Errorf("after a 401: %s", at)
	}

	// The API does not permit this origin.
	p.home = "https://evil.example.test" + port
	p.visit("/")
	before := acts.Load()
	got := show(fmt.Sprintf(`const r = await fetch("%s/login", {method: "POST", credentials: "include", headers: {Authorization: "Bearer"}}); return r.status`, api))
	if !strings.HasPrefix(got, "failed ") || acts.Load() != before {
		t.Errorf("a page of another site sends the header: %s, %d acts", got, acts.Load()-before)
	}
	got = show(fmt.Sprintf(`const r = await fetch("%s/login", {method: "POST", mode: "no-cors", credentials: "include"}); return r.type`, api))
	if got != "done opaque" || acts.Load() != before {
		t.Errorf("a page of another site sends a form: %s, %d acts", got, acts.Load()-before)
	}
}
