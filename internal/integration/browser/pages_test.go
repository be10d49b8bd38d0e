package browser

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

// agents are the User-Agent headers of the sessions on the pages.
var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (iPad; CPU OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/119.0.6045.169 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
	"nobody knows this program",
}

// arabic translates what the test looks at.
var arabic = sessionpage.Language{RightToLeft: true, Texts: map[string]string{
	"title": "جلساتك", "this_session": "هذه الجلسة", "last_active": "آخر نشاط", "end": "إنهاء الجلسة",
	"sign_out": "تسجيل الخروج", "end_others": "إنهاء جميع الجلسات الأخرى", "address": "العنوان", "signed_in": "تسجيل الدخول",
}}

// An account page and an admin page with the plain layout, and with sessions of all ages.
// The way in is /in?as=name, the language is that of /in?lang=tag.
func servePages(t *testing.T) *server {
	t.Helper()
	need(t)
	store := memstore.New(memstore.Config{})
	var counters sessionpage.Counters
	config := func(now func() time.Time) session.Config {
		return session.Config{
			Cookie:          session.CookieConfig{DangerouslyAllowHTTP: true},
			IdleTimeout:     60 * 24 * time.Hour,
			AbsoluteTimeout: -1, PruneEvery: -1, Now: now, OnEvent: counters.Count,
		}
	}
	started := time.Now()
	for i, ago := range []time.Duration{time.Minute, 5 * time.Minute, 3 * time.Hour, 40 * time.Hour, 12 * 24 * time.Hour, 40 * 24 * time.Hour, 61 * 24 * time.Hour} {
		m, err := session.New(store, config(func() time.Time { return started.Add(-ago) }))
		if err != nil {
			t.Fatal(err)
		}
		h := m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada@example.com") })
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("User-Agent", agents[i%len(agents)])
		r.RemoteAddr = fmt.Sprintf("192.0.2.%d:1", i)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}

	m, err := session.New(store, config(time.Now))
	if err != nil {
		t.Fatal(err)
	}
	look := sessionpage.Look{
		Name: "Acme", Logo: "/logo.svg",
		Languages: map[string]sessionpage.Language{"ar": arabic},
		Language: func(r *http.Request) string {
			c, err := r.Cookie("lang")
			if err != nil {
				return "en"
			}
			return c.Value
		},
	}
	account, err := sessionpage.NewAccount(m, sessionpage.AccountConfig{
		Look: look, SignIn: "/in?as=ada@example.com",
		Place: func(_ context.Context, address string) string {
			if address == "192.0.2.1" {
				return "Lyon, France"
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sessionpage.NewAdmin(m, sessionpage.AdminConfig{
		Look: look, Counters: &counters, CountEvery: -1,
		Authorize: func(_ *http.Request, s *session.Session) bool { return s.Owner() == "root" },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/account/sessions/", http.StripPrefix("/account/sessions", account))
	mux.Handle("/admin/", http.StripPrefix("/admin", admin))
	mux.HandleFunc("GET /logo.svg", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprint(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 28" width="28" height="28"><circle cx="14" cy="14" r="13" fill="#1f5fa8"/></svg>`)
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /in", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: cmp.Or(r.FormValue("lang"), "en"), Path: "/"})
		if as := r.FormValue("as"); as != "" {
			s.Login(as)
		}
		template.Must(template.New("in").Parse("<!DOCTYPE html><title>in</title><p>hello")).Execute(w, nil)
	}))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return &server{url: s.URL}
}

// TestPagesAreAccessible checks every page in every look: axe-core finds no violation of
// WCAG 2.2 AA or of its best practices, nothing overflows, targets are large enough, and
// the browser reports nothing, such as a violation of the content security policy. The
// pages work without scripts.
func TestPagesAreAccessible(t *testing.T) {
	p := visitor(t, servePages(t))
	axe := p.axe()
	p.scripts(false)
	look := func(name string) {
		t.Helper()
		p.fits("pages-" + name)
		p.scripts(true) // axe-core needs timers
		p.passes(axe, name)
		p.scripts(false)
	}
	const yours = "/account/sessions/"
	p.visit(yours)
	look("signed-out")
	p.visit("/in?as=ada@example.com")
	p.visit(yours)
	p.shows("h1", "Your sessions")
	if got, want := p.count(".sp-card"), 7; got != want {
		t.Fatalf("%d sessions are listed, want %d", got, want)
	}
	look("account")
	p.visit("/in?lang=ar")
	p.visit(yours)
	p.shows("h1", "جلساتك")
	look("account-rtl")
	p.visit("/in")
	p.visit(yours)
	p.press(".sp-card:nth-child(2) button")
	p.says(".sp-notice", "The session has ended")
	look("account-ended")
	p.press("a[href=others]")
	p.shows("h1", "End all other sessions?")
	look("others")

	p.visit("/in?as=root")
	p.visit("/admin/")
	p.shows("h1", "Sessions")
	look("admin")
	p.visit("/in?lang=ar")
	p.visit("/admin/")
	look("admin-rtl")
	p.visit("/in")
	p.visit("/admin/")
	p.fill("#sp-owner", "nobody")
	p.press(".sp-search button")
	look("owner-none")
	p.visit("/admin/")
	p.fill("#sp-owner", "ada@example.com")
	p.press(".sp-search button")
	p.says("h1", "Sessions of")
	look("owner")
	p.press("form[action=ask-owner] button")
	look("ask-owner")
	p.press("form[action=end-owner] button")
	p.says(".sp-notice", "have ended: 5.") // one had ended above, and the sign-in as root has ended another
	p.visit("/in?as=ada@example.com")
	p.visit(yours)
	p.says(".sp-lead", "nowhere else")
	look("account-alone")
	p.press(".sp-here button")
	p.says(".sp-notice", "You are signed out.")
	look("account-out")
	p.content()

	p.visit("/admin/") // the browser reports the status 403
	p.shows("h1", "This did not work")
	look("forbidden")
}

// scripts lets pages run scripts, or not.
func (p *person) scripts(on bool) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}); err != nil {
		p.t.Fatal(err)
	}
}

// axe returns the source of axe-core.
func (p *person) axe() string {
	p.t.Helper()
	name := os.Getenv("SESSION_TEST_AXE")
	if name == "" {
		const missing = "axe-core is missing: run the test with go run ./internal/tools servers --need chromium,axe-core -- go test …"
		if os.Getenv("CI") == "true" {
			p.t.Fatal(missing)
		}
		p.t.Skip(missing)
	}
	source, err := os.ReadFile(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(source)
}

// passes runs axe-core on the open page in every look, with all rules.
func (p *person) passes(source, name string) {
	p.t.Helper()
	eval[chromedp.Void](p, source+"; undefined")
	for _, l := range looks {
		p.wear(l)
		eval[chromedp.Void](p, `window.axeResult = ""; axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
			r => window.axeResult = "passes: " + r.passes.length + "\n" + r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")).join("\n"),
			e => window.axeResult = "failed: " + e); undefined`)
		p.await(`window.axeResult !== ""`)
		result := eval[string](p, `window.axeResult`)
		passed, violations, ok := strings.Cut(result, "\n")
		if !ok || passed == "passes: 0" {
			p.t.Fatalf("%s, %s: axe-core did not run: %s", name, l.name, result)
		}
		if violations != "" {
			p.t.Errorf("%s, %s: %s", name, l.name, violations)
		}
	}
	p.wear(looks[0])
}

// The demo shows both pages in its own layout.
func TestPagesInTheDemo(t *testing.T) {
	p := visitor(t, startServer(t, t.TempDir(), anyPort))
	axe := p.axe()
	p.signIn("Ada")
	p.visit("/sessions/")
	p.says(".sp-here", "This session")
	p.fits("demo-sessions")
	p.passes(axe, "demo, sessions")
	p.press(".sp-here button")
	p.signIn("admin")
	p.visit("/admin/")
	p.shows("h1", "Sessions")
	p.fits("demo-admin")
	p.passes(axe, "demo, admin")
	p.content()
}

// axe-core itself works: it finds what is wrong with a bad page.
func TestAxeFindsViolations(t *testing.T) {
	need(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!DOCTYPE html><html><title>bad</title><main><h1>bad</h1><img src="data:,"><input></main></html>`)
	}))
	t.Cleanup(s.Close)
	p := visitor(t, &server{url: s.URL})
	axe := p.axe()
	p.visit("/")
	eval[chromedp.Void](p, axe+"; undefined")
	eval[chromedp.Void](p, `window.found = null; axe.run().then(r => window.found = r.violations.map(v => v.id)); undefined`)
	p.await(`window.found !== null`)
	found := eval[[]string](p, `window.found`)
	for _, want := range []string{"html-has-lang", "image-alt", "label"} {
		if !slices.Contains(found, want) {
			t.Errorf("axe-core finds %q, not %s", found, want)
		}
	}
}

// TestPagesByKeyboard visits everything with the Tab key, in the order of the page, and
// ends a session with Enter.
func TestPagesByKeyboard(t *testing.T) {
	p := visitor(t, servePages(t))
	tabs := func(want ...string) {
		t.Helper()
		var got []string
		for range want {
			p.do(chromedp.KeyEvent(kb.Tab))
			got = append(got, eval[string](p, `(e => e.id ? "#" + e.id : e.innerText.split(":")[0].trim())(document.activeElement)`))
			if !eval[bool](p, outlined) {
				t.Errorf("the focus of %q is not visible", got[len(got)-1])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the Tab key visits\n%q, want\n%q", got, want)
		}
	}
	p.visit("/in?as=ada@example.com")
	p.visit("/account/sessions/")
	end := "End session"
	tabs("Skip to the content", "Acme", "Sign out", end, end, end, end, end, end, "End all other sessions")
	p.follow(enter())
	p.shows("h1", "End all other sessions?")
	tabs("Skip to the content", "Acme", "End all other sessions", "Cancel")
	p.follow(enter())
	p.shows("h1", "Your sessions")
	p.do(chromedp.KeyEvent(kb.Tab), enter()) // the skip link
	p.await(focused + ` === "#main"`)
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Tab)) // past this session to the next one
	p.follow(chromedp.KeyEvent(kb.Enter))
	p.says(".sp-notice", "The session has ended")

	p.visit("/in?as=root")
	p.visit("/admin/")
	tabs("Skip to the content", "Acme", "#sp-owner", "Find")
	p.fill("#sp-owner", "ada@example.com")
	p.follow(chromedp.KeyEvent(kb.Enter))
	p.says("h1", "Sessions of")
	tabs("Skip to the content", "Acme", "Back", end)
	p.content()
}
