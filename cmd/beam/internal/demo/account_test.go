package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
)

// mark is the fingerprint of a token as the page shows it.
func mark(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:4])
}

func TestSignInRotates(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	c.post("/cart/add", "product", "sencha")
	before := c.token()
	a := c.post("/account/sign-in", "name", " Ada ").has("Welcome, Ada.").has(`Signed in as <span class="who">Ada</span>`)
	after := c.token()
	if before == "" || after == "" || before == after {
		t.Fatal("the token was not replaced")
	}
	a.has(`<code id="before">` + mark(before)).has(`<code id="after">` + mark(after))
	if strings.Contains(a.body, before) || strings.Contains(a.body, after) {
		t.Error("the page contains a token")
	}
	c.get("/cart").has("Change the quantity of Sencha") // the data stayed

	thief := s.visitor(t)
	thief.use(before)
	thief.get("/account").has("<h1>Sign in</h1>")
	thief.get("/cart").has("Nothing yet.")
}

func TestSignInWithoutCookie(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/account/sign-in", "name", "Ada").has("You had none before").has(mark(c.token()))
	c.get("/account").lacks("replaced a moment ago").has(mark(c.token()))
}

func TestSignInNeedsAName(t *testing.T) {
	for _, name := range []string{"", "   ", strings.Repeat("a", 41)} {
		c := open(t).visitor(t)
		c.post("/account/sign-in", "name", name).has(`aria-invalid="true"`).has("<title>Error: Sign in").has("<h1>Sign in</h1>")
		c.get("/account").lacks(`aria-invalid`)
	}
}

func TestRememberMe(t *testing.T) {
	for _, stay := range []bool{false, true} {
		c := open(t).visitor(t)
		c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		fields := []string{"name", "Ada"}
		if stay {
			fields = append(fields, "stay", "yes")
		}
		got := c.post("/account/sign-in", fields...).is(http.StatusSeeOther).header.Get("Set-Cookie")
		if strings.Contains(got, "Max-Age=") != stay {
			t.Errorf("remember me %v: the cookie is %q", stay, got)
		}
	}
}

func TestRegenerateKeepsEverything(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/account/sign-in", "name", "Ada")
	before := c.token()
	c.post("/account/regenerate").has("Your token is replaced.").has("Signed in as").has(mark(before)).has(mark(c.token()))
	if c.token() == before {
		t.Error("the token was not replaced")
	}
}

func TestSignOut(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	c.post("/account/sign-in", "name", "Ada")
	c.post("/cart/add", "product", "cup")
	before := c.token()
	c.post("/account/sign-out").has("You are signed out.").has("<h1>Sign in</h1>")
	if c.token() == before {
		t.Error("the token survived the sign-out")
	}
	c.get("/cart").has("Nothing yet.")

	late := s.visitor(t)
	late.use(before)
	late.get("/account").has("<h1>Sign in</h1>")
	late.get("/cart").has("Nothing yet.")
}

// Clients may send characters that cannot be entered in a form.
func TestSignInWithoutControlCharacters(t *testing.T) {
	for _, name := range []string{"A\x00da", "Ada\x00", "\x1bAda", "A\u0085da"} {
		open(t).visitor(t).post("/account/sign-in", "name", name).is(http.StatusOK).has("Welcome, Ada.")
	}
	open(t).visitor(t).post("/account/sign-in", "name", "\x00").is(http.StatusOK).lacks("Welcome,")
	open(t).visitor(t).post("/account/sign-in", "name", "A\nda").is(http.StatusOK)
}
