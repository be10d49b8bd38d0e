package demo

import (
	"net/http"
	"net/url"
	"testing"
)

func TestContactErrorsOnce(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/contact", "name", "Ada", "email", `no"where`, "message", "short").
		has("<title>Error: Contact us").has("2 things to put right").
		has(`value="Ada"`).has(`value="no&#34;where"`).has(">short</textarea>").has("Nothing yet.")
	c.get("/contact").lacks("to put right").lacks(`value="Ada"`).lacks(">short<").lacks("Error:")
}

func TestContactMessageOnce(t *testing.T) {
	c := open(t).visitor(t)
	good := []string{"name", "<i>Ada</i>", "email", "ada@example.com", "message", "Do you have <script>alert(1)</script> in stock?"}
	c.post("/contact", good...).has("Thank you, &lt;i&gt;Ada&lt;/i&gt;.").lacks("to put right")
	c.get("/contact").lacks("Thank you").
		has("<strong>&lt;i&gt;Ada&lt;/i&gt;</strong>").
		has("Do you have &lt;script&gt;alert(1)&lt;/script&gt; in stock?").
		lacks("<script>alert").lacks("<i>Ada")
}

// The redirect itself does not consume the message.
func TestContactAnswersWithARedirect(t *testing.T) {
	c := open(t).visitor(t)
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	form := url.Values{"name": {"Ada"}, "email": {"ada@example.com"}, "message": {"Hello, hello."}}
	a := c.send(c.request("POST", "/contact", form)).is(http.StatusSeeOther)
	if got, want := a.header.Get("Location"), "/contact"; got != want {
		t.Errorf("Location is %q, want %q", got, want)
	}
	c.get("/contact").has("Thank you, Ada.")
	c.get("/contact").lacks("Thank you, Ada.")
}

func TestContactKeepsThree(t *testing.T) {
	c := open(t).visitor(t)
	for _, text := range []string{"message one", "message two", "message three", "message four"} {
		c.post("/contact", "name", "Ada", "email", "ada@example.com", "message", text)
	}
	c.get("/contact").lacks("message one").has("message two").has("message three").has("message four")
}

func TestContactSurvivesAnyBytes(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/contact", "name", "A\xffda\x00", "email", "ada@example.com", "message", "\xf0\x28\x8c\x28 ten bytes and more").
		is(http.StatusOK).has("Thank you")
}
