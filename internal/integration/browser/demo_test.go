package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestVisitorLeavesNoTrace(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	for _, page := range []string{"/", "/cart", "/contact", "/account", "/sessions/", "/race"} {
		ada.visit(page)
	}
	if got := ada.cookies(); len(got) != 0 {
		t.Errorf("%d cookies for a visitor who only read, want none", len(got))
	}
	ada.says("footer .strip", "nothing stored")
	ada.content()
}

func TestSignInReplacesTheToken(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	ada.visit("/cart")
	ada.press("[aria-label='Add Sencha to the cart']")
	before := ada.token()
	if before == "" {
		t.Fatal("no cookie for a visitor with something in the cart")
	}

	ada.signIn("Ada")
	after := ada.token()
	if after == "" || after == before {
		t.Fatal("the token is the same before and after the sign-in")
	}
	ada.shows("#before", fingerprint(before))
	ada.shows("#after", fingerprint(after))
	if html := eval[string](ada, "document.documentElement.outerHTML"); strings.Contains(html, before) || strings.Contains(html, after) {
		t.Error("the page contains a token")
	}

	ada.visit("/cart")
	ada.shows("#total", "€ 8.90") // the data is kept
	ada.visit("/account")
	ada.press("form[action='/account/sign-out'] button")
	ada.says(".notice", "signed out")
	if got := ada.token(); got == after {
		t.Error("the token is the same before and after the sign-out")
	}
	ada.visit("/cart")
	ada.shows("#total", "") // the data is gone
	ada.content()
}

// fingerprint returns a token as the page shows it.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}

func TestFlashIsSeenOnce(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	writeToUs(ada)
	ada.content()
}

// writeToUs submits the form with and without mistakes. The messages appear on the next
// page only.
func writeToUs(p *person) {
	p.t.Helper()
	p.visit("/contact")
	p.fill("#name", "Ada")
	p.fill("#email", "nowhere")
	p.press("main form button")
	p.says(".summary", "2 things to put right")
	if got, want := p.value("#email"), "nowhere"; got != want {
		p.t.Errorf("e-mail field has %q after the error, want %q", got, want)
	}
	if got := eval[string](p, "document.title"); !strings.HasPrefix(got, "Error: ") {
		p.t.Errorf("title %q does not begin with the error", got)
	}
	p.reload()
	if p.count(".summary") != 0 || p.value("#email") != "" {
		p.t.Error("the errors, or what was typed, are there a second time")
	}

	p.fill("#name", "Ada")
	p.fill("#email", "ada@example.com")
	p.fill("#message", "Two <b>teapots</b>, please.")
	p.press("main form button")
	p.says(".notice", "Thank you, Ada.")
	p.says(".letters", "Two <b>teapots</b>, please.") // not as HTML
	p.reload()
	if p.count(".notice") != 0 {
		p.t.Error("the message is there a second time")
	}
	p.says(".letters", "Two <b>teapots</b>, please.") // not a flash message, so it stays
}

func TestCartSurvivesARestart(t *testing.T) {
	for _, store := range []string{"database", "file"} {
		t.Run(store, func(t *testing.T) {
			dir := t.TempDir()
			first := startServer(t, dir, anyPort, "--store", store)
			ada := visitor(t, first)
			ada.signIn("Ada")
			ada.visit("/cart")
			ada.press("[aria-label='Add Teapot to the cart']")
			ada.fill("#n-teapot", "3")
			ada.press("[aria-label='Change the quantity of Teapot']")
			ada.shows("#total", "€ 126.00")
			ada.says("footer .strip", "Store: "+store)
			token := ada.token()

			first.stop(t)
			startServer(t, dir, first.addr(), "--store", store)
			ada.visit("/cart")
			ada.shows("#total", "€ 126.00")
			ada.shows("nav .who", "Ada")
			if got := ada.token(); got != token {
				t.Error("the restart replaced the token")
			}
			ada.content()
		})
	}
}

func TestRaceKeepsFiftyOfFifty(t *testing.T) {
	ada := visitor(t, startServer(t, t.TempDir(), anyPort))
	ada.visit("/race")
	for range 3 {
		ada.do(chromedp.Click(chromedp.CSS("#start")))
		ada.await(`/milliseconds|not finished/.test(document.getElementById("result").textContent)`)
		ada.says("#result", "50 of 50 writes kept, and the counter says 50.")
		if got, want := ada.count("#cells .done"), 50; got != want {
			t.Errorf("%d cells are full, want %d", got, want)
		}
	}
	ada.reload()
	ada.shows("#kept", "50")
	ada.shows("#counter", "50")
	ada.fits("race-done")
	ada.content()
}

func TestRevokeFromASecondBrowser(t *testing.T) {
	s := startServer(t, t.TempDir(), anyPort)
	office, home := visitor(t, s), visitor(t, s)
	office.signIn("Ada")
	home.signIn("Ada")

	home.visit("/sessions/")
	if got, want := home.count(".sp-card"), 2; got != want {
		t.Fatalf("%d sessions are listed, want %d", got, want)
	}
	home.says(".sp-here", "This session")
	home.says(".sp-card:not(.sp-here)", "Chrome")
	home.press(".sp-card:not(.sp-here) button")
	home.says(".sp-notice", "The session has ended")
	if got, want := home.count(".sp-card"), 1; got != want {
		t.Errorf("%d sessions are listed after one was ended, want %d", got, want)
	}

	office.visit("/account")
	office.shows("h1", "Sign in")
	home.visit("/account")
	home.shows("h1", "Signed in as Ada")
	office.content()
	home.content()
}
