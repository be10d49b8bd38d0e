package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A person is a user with a Chromium and a new profile. Every method fails the test if
// it is not done within patience.
type person struct {
	t    *testing.T
	ctx  context.Context
	home string // address of the demo

	mu       sync.Mutex
	problems []string // errors of the browser, and requests to other hosts
}

// patience limits all that one person does in one test.
const patience = 10 * time.Minute

// visitor starts a browser, which is closed at the end of the test.
func visitor(t *testing.T, s *server, options ...chromedp.ExecAllocatorOption) *person {
	t.Helper()
	ctx, stop := chromedp.NewExecAllocator(t.Context(), append([]chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox, // the tests run as root in a container
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("force-color-profile", "srgb"),
		// The browser can reach only this machine.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	}, options...)...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	ctx, giveUp := context.WithTimeout(ctx, patience)
	t.Cleanup(giveUp)
	p := &person{t: t, ctx: ctx, home: s.url}
	p.do(chromedp.EmulateViewport(1280, 800))
	if err := chromedp.Listen(ctx, p.notice); err != nil {
		t.Fatal(err)
	}
	return p
}

// notice collects what no page of the demo may cause: errors on the console, which
// include violations of the content security policy, and requests to other hosts.
func (p *person) notice(event any) {
	var problem string
	switch e := event.(type) {
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Level == cdplog.EntryLevelWarning {
			problem = fmt.Sprintf("%s %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		problem = "exception: " + e.ExceptionDetails.Text
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, p.home+"/") {
			problem = "request to " + e.Request.URL
		}
	}
	if problem != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.problems = append(p.problems, problem)
	}
}

// content checks that there were no problems.
func (p *person) content() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Error(problem)
	}
}

func (p *person) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// visit opens a page.
func (p *person) visit(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.home + path))
}

func (p *person) reload() {
	p.t.Helper()
	p.do(chromedp.Reload())
}

// follow does something that opens another page, and waits for that page.
func (p *person) follow(step chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if _, err := chromedp.RunResponse(p.ctx, step); err != nil {
		p.t.Fatal(err)
	}
}

// press clicks an element that opens another page.
func (p *person) press(css string) {
	p.t.Helper()
	p.follow(chromedp.Click(chromedp.CSS(css)))
}

// fill replaces the content of a field by typing.
func (p *person) fill(css, text string) {
	p.t.Helper()
	eval[chromedp.Void](p, fmt.Sprintf(`document.querySelector(%s).select()`, quote(css)))
	p.do(chromedp.KeyEvent(text))
}

// eval evaluates JavaScript like the developer tools, which works even if the page has
// JavaScript off.
func eval[T any](p *person, js string) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.EvaluateAsDevTools[T](js))
	if err != nil {
		p.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// await waits until a JavaScript expression is true.
func (p *person) await(js string) {
	p.t.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[bool](js)); err != nil {
		p.t.Fatalf("waiting for %s: %v", js, err)
	}
}

// text returns the text of an element, or "" if it does not exist.
func (p *person) text(css string) string {
	p.t.Helper()
	return strings.TrimSpace(eval[string](p, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quote(css))))
}

// value returns the content of a field.
func (p *person) value(css string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf(`document.querySelector(%s).value`, quote(css)))
}

// count returns the number of elements.
func (p *person) count(css string) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`document.querySelectorAll(%s).length`, quote(css)))
}

// shows checks the text of an element.
func (p *person) shows(css, want string) {
	p.t.Helper()
	if got := p.text(css); got != want {
		p.t.Errorf("%s shows %q, want %q", css, got, want)
	}
}

// says checks that an element's text contains the words.
func (p *person) says(css, words string) {
	p.t.Helper()
	if got := p.text(css); !strings.Contains(got, words) {
		p.t.Errorf("%s shows %q, want something with %q", css, got, words)
	}
}

// cookies returns the cookies that this browser sends to the demo.
func (p *person) cookies() []*network.Cookie {
	p.t.Helper()
	got, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{p.home}})
	if err != nil {
		p.t.Fatal(err)
	}
	return got.Cookies
}

// token returns the value of the session cookie, or "" if there is none.
func (p *person) token() string {
	p.t.Helper()
	cs := p.cookies()
	switch len(cs) {
	case 0:
		return ""
	case 1:
		return cs[0].Value
	}
	p.t.Fatalf("%d cookies, want one at most", len(cs))
	return ""
}

// signIn signs in with the form.
func (p *person) signIn(name string) {
	p.t.Helper()
	p.visit("/account")
	p.fill("#name", name)
	p.press("form[action='/account/sign-in'] button")
	p.shows("h1", "Signed in as "+name)
}

// quote returns a string as a JavaScript literal; JSON is a subset of JavaScript.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
