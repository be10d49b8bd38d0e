package demo

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

// ids returns the sessions that a page offers to end, in order.
func ids(a answer) []string {
	var list []string
	for _, m := range regexp.MustCompile(`name="id" value="([0-9a-f]{32})"`).FindAllStringSubmatch(a.body, -1) {
		list = append(list, m[1])
	}
	return list
}

// signIn sends the sign-in form with the given User-Agent.
func (c *client) signIn(name, agent string) {
	c.t.Helper()
	req := c.request("POST", "/account/sign-in", url.Values{"name": {name}})
	req.Header.Set("User-Agent", agent)
	c.send(req).has("Signed in as")
}

func TestSessionsNeedAName(t *testing.T) {
	c := open(t).visitor(t)
	c.get("/sessions").has("You are not signed in.").has(`href="/account"`)
	c.post("/sessions/end-others").has("You are not signed in.")
}

// The pages of package sessionpage are in the layout of the demo, with its style sheet first.
func TestSessionsAreInTheLayout(t *testing.T) {
	c := open(t).visitor(t)
	c.signIn("Ada", firefox)
	c.get("/sessions/").has("<h1>Your sessions</h1>").has("Firefox 143").has(`aria-current="page">Your sessions`).
		has("session demo</title>").has(`href="style.`).has("sessionpage.NewAccount")
	c.get("/sessions/nowhere").is(http.StatusNotFound).has("There is no page at this address.").has(`<nav aria-label="Pages">`)
}

func TestRevokeFromASecondClient(t *testing.T) {
	s := open(t)
	first, second := s.visitor(t), s.visitor(t)
	first.signIn("Ada", firefox)
	second.signIn("Ada", firefox)
	all := ids(second.get("/sessions/").has("This session").has("127.0.0.1"))
	if got, want := len(all), 2; got != want {
		t.Fatalf("%d sessions are listed, want %d", got, want)
	}
	second.post("/sessions/end", "id", all[1]).has("The session has ended").has("nowhere else")
	first.get("/account").has("<h1>Sign in</h1>")
	second.get("/account").has("Signed in as")
}

func TestRevokeOthers(t *testing.T) {
	s := open(t)
	here, other, eve := s.visitor(t), s.visitor(t), s.visitor(t)
	here.signIn("Ada", firefox)
	other.signIn("Ada", firefox)
	eve.signIn("Eve", firefox)
	eve.post("/sessions/end", "id", ids(here.get("/sessions/"))[0]).has("already ended")
	here.get("/sessions/others").has("End all other sessions?")
	here.post("/sessions/end-others").has("have ended:")
	other.get("/account").has("<h1>Sign in</h1>")
	eve.get("/account").has("Signed in as")
	here.get("/account").has("Signed in as")
}

func TestRevokeTheOneInUse(t *testing.T) {
	c := open(t).visitor(t)
	c.signIn("Ada", firefox)
	c.post("/sessions/end", "id", ids(c.get("/sessions/"))[0]).has("You are signed out.")
	c.get("/account").has("<h1>Sign in</h1>")
}

func TestAdminPage(t *testing.T) {
	s := serve(t, memstore.New(memstore.Config{}), Options{Store: "test", Admin: true, Counters: new(sessionpage.Counters)})
	ada, admin := s.visitor(t), s.visitor(t)
	ada.get("/account").has("The user <code>admin</code> sees all sessions.")
	ada.signIn("Ada", firefox)
	ada.get("/account").lacks("All sessions")
	ada.get("/admin/").is(http.StatusForbidden).lacks("Firefox")
	admin.signIn("admin", firefox)
	admin.get("/account").has("All sessions")
	admin.get("/admin/").is(http.StatusOK).has("<h1>Sessions</h1>").has("Firefox").has("Events").has(`<nav aria-label="Pages">`)
	all := ids(admin.post("/admin/search", "owner", "demo:Ada").has("Firefox 143"))
	if len(all) != 1 {
		t.Fatalf("%d sessions are listed, want 1", len(all))
	}
	admin.post("/admin/end", "owner", "demo:Ada", "id", all[0]).has("The session has ended")
	ada.get("/account").has("<h1>Sign in</h1>")
}

// In the store of an application, nobody can see the sessions of all users.
func TestNoAdminPage(t *testing.T) {
	c := open(t).visitor(t)
	c.signIn("admin", firefox)
	c.get("/account").lacks("All sessions")
	c.get("/admin/").is(http.StatusNotFound)
}

// The bare store implements none of the optional interfaces.
type bare struct{ session.Store }

func TestStoreThatCannotList(t *testing.T) {
	c := serve(t, bare{memstore.New(memstore.Config{})}, Options{Store: "bare"}).visitor(t)
	c.post("/account/sign-in", "name", "Ada").has("Signed in as")
	if a := c.get("/sessions/").is(http.StatusOK); !strings.Contains(a.body, "list sessions") {
		t.Errorf("the page does not say why it is empty:\n%s", a.body)
	}
}
