package browser

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestWithoutJavaScript(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	if _, err := chromedp.Call(ada.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	ada.visit("/race")
	ada.says("main", "This page needs JavaScript") // JavaScript is off
	if got := eval[bool](ada, `document.getElementById("start").hidden`); !got {
		t.Error("the race has a button that could do nothing")
	}

	ada.signIn("Ada")
	writeToUs(ada)
	ada.visit("/cart")
	ada.press("[aria-label='Add Cup to the cart']")
	ada.says(".notice", "Cup is in your cart.")
	ada.fill("#n-cup", "2")
	ada.press("[aria-label='Change the quantity of Cup']")
	ada.shows("#total", "€ 29.00")
	ada.press("[aria-label='Remove Cup']")
	ada.shows("#total", "")
	ada.visit("/sessions/")
	ada.says(".sp-here", "This session")
	ada.press(".sp-here button")
	ada.says(".sp-notice", "You are signed out.")
	ada.says("main", "You are not signed in.")
	ada.content()
}

// focused returns the name of the focused element; outlined reports whether its focus
// is visible.
const (
	focused  = `(e => e.id ? "#" + e.id : e.innerText.trim())(document.activeElement)`
	outlined = `(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`
)

func TestKeyboardReachesEverything(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	ada.visit("/account")
	var got []string
	want := []string{
		"Skip to the content", "session", "Home", "Cart", "Form", "Race", "Your sessions", "Sign in",
		"#name", "#stay", "Sign in", "The code behind it",
	}
	for range want {
		ada.do(chromedp.KeyEvent(kb.Tab))
		got = append(got, eval[string](ada, focused))
		if !eval[bool](ada, outlined) {
			t.Errorf("the focus of %q is not visible", got[len(got)-1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the Tab key visits\n%q, want\n%q", got, want)
	}

	ada.visit("/account")
	ada.do(chromedp.KeyEvent(kb.Tab), enter()) // the skip link
	ada.await(focused + ` === "#main"`)
	ada.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("Ada"))
	ada.follow(chromedp.KeyEvent(kb.Enter))
	ada.shows("h1", "Signed in as Ada")

	ada.visit("/contact")
	ada.press("main form button")
	ada.await(`document.activeElement.className === "summary"`) // a screen reader reads it
	ada.do(chromedp.KeyEvent(kb.Tab), enter())                  // the first link in it
	ada.await(focused + ` === "#name"`)
	ada.content()
}

// enter presses Enter on a link, which acts on key down. chromedp.KeyEvent would also
// send the character as an event of its own, which could arrive when the focus is in a
// field, and submit the form.
func enter() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			key := input.DispatchKeyEventParams{Type: kind, Key: "Enter", Code: "Enter", WindowsVirtualKeyCode: 13}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// A look is a screen size and a color scheme.
type look struct {
	name          string
	width, height int64
	scheme        string
}

var looks = []look{
	{"light", 1280, 800, "light"},
	{"dark", 1280, 800, "dark"},
	{"narrow", 360, 740, "light"},
	{"narrow-dark", 360, 740, "dark"},
}

// TestPagesFit checks every page in every look: nothing overflows to the side, every
// target is large enough, and the browser reports no problem.
func TestPagesFit(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	ada.visit("/")
	ada.fits("home-new")
	ada.visit("/sessions/")
	ada.fits("sessions-out")
	ada.visit("/account")
	ada.fits("account-out")
	ada.press("main form button")
	ada.fits("account-error")
	ada.visit("/cart")
	ada.fits("cart-empty")
	ada.press("[aria-label='Add Sencha to the cart']")
	ada.press("[aria-label='Add Teapot to the cart']")
	ada.fits("cart")
	ada.signIn("Ada Lovelace")
	ada.fits("account-in")
	ada.visit("/contact")
	ada.press("main form button")
	ada.fits("contact-error")
	writeToUs(ada)
	ada.fits("contact")
	ada.visit("/sessions/")
	ada.fits("sessions")
	ada.visit("/race")
	ada.fits("race")
	ada.visit("/")
	ada.fits("home")
	ada.content()
	ada.visit("/nowhere")
	ada.fits("missing")
}

// tooSmall lists the targets under 24 by 24 pixels (WCAG 2.2, success criterion 2.5.8),
// except links within a sentence.
const tooSmall = `[...document.querySelectorAll("button, input:not([type=hidden]):not([type=checkbox]), textarea, summary, nav a, a.button")]
	.filter(e => { const b = e.getBoundingClientRect(); return b.width > 0 && (b.width < 24 || b.height < 24) })
	.map(e => e.outerHTML)`

// fits checks the open page, and saves a picture of it if SESSION_TEST_SHOTS is set.
func (p *person) fits(name string) {
	p.t.Helper()
	for _, l := range looks {
		p.wear(l)
		if got := eval[int64](p, "document.documentElement.scrollWidth"); got > l.width {
			p.t.Errorf("%s, %s: the page is %d pixels wide, the window %d", name, l.name, got, l.width)
		}
		for _, html := range eval[[]string](p, tooSmall) {
			p.t.Errorf("%s, %s: too small to be hit: %s", name, l.name, html)
		}
		p.shoot(name + "-" + l.name)
	}
	p.wear(looks[0])
}

func (p *person) wear(l look) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: l.scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // so that pictures show no transition
		},
	}); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.EmulateViewport(l.width, l.height))
}

func (p *person) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("SESSION_TEST_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
