package demo

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
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
	c.get("/sessions").has("Sign in to use it.")
	c.post("/sessions/revoke-others").is(http.StatusNotFound)
	c.post("/sessions/revoke", "id", strings.Repeat("0", 32)).is(http.StatusNotFound)
}

func TestRevokeFromASecondClient(t *testing.T) {
	s := open(t)
	first, second := s.visitor(t), s.visitor(t)
	first.signIn("Ada", firefox)
	second.signIn("Ada", "curl/8.5.0")

	a := second.get("/sessions").has("signed in 2 times").has("curl 8").has("127.0.0.1").has("this one")
	all := ids(a)
	if got, want := len(all), 2; got != want {
		t.Fatalf("%d sessions are listed, want %d", got, want)
	}
	if here := strings.Index(a.body, "this one"); here > strings.Index(a.body, all[1]) {
		t.Error("the session of the visitor is not the first in the list")
	}
	second.post("/sessions/revoke", "id", all[1]).has("Ended: ").has("signed in here and nowhere else")
	first.get("/account").has("<h1>Sign in</h1>")
	second.get("/account").has("Signed in as")
	second.post("/sessions/revoke", "id", all[1]).is(http.StatusNotFound) // a second click
}

func TestRevokeOthers(t *testing.T) {
	s := open(t)
	here := s.visitor(t)
	here.signIn("Ada", firefox)
	var others []*client
	for range 3 {
		c := s.visitor(t)
		c.signIn("Ada", firefox)
		others = append(others, c)
	}
	eve := s.visitor(t)
	eve.signIn("Eve", firefox)

	here.post("/sessions/revoke-others").has("3 other sessions ended. Only this session is left.")
	here.post("/sessions/revoke-others").has("There were no other sessions.")
	for _, c := range others {
		c.get("/account").has("<h1>Sign in</h1>")
	}
	eve.get("/account").has("Signed in as")
	here.get("/account").has("Signed in as")
}

func TestRevokeIsForOnesOwn(t *testing.T) {
	s := open(t)
	ada, eve := s.visitor(t), s.visitor(t)
	ada.signIn("Ada", firefox)
	eve.signIn("Eve", firefox)
	all := ids(ada.get("/sessions"))
	if len(all) != 1 {
		t.Fatalf("%d sessions are listed, want 1", len(all))
	}
	for _, id := range append(all, "", "0", strings.Repeat("0", 32), "../../etc/passwd") {
		eve.post("/sessions/revoke", "id", id).is(http.StatusNotFound)
	}
	ada.get("/account").has("Signed in as")
}

func TestRevokeTheOneInUse(t *testing.T) {
	c := open(t).visitor(t)
	c.signIn("Ada", firefox)
	c.post("/sessions/revoke", "id", ids(c.get("/sessions"))[0]).has("You are signed out.")
	c.get("/account").has("<h1>Sign in</h1>")
}

// The bare store implements none of the optional interfaces.
type bare struct{ session.Store }

func TestStoreThatCannotList(t *testing.T) {
	c := serve(t, bare{memstore.New(memstore.Config{})}, Options{Store: "bare"}).visitor(t)
	c.post("/account/sign-in", "name", "Ada").has("Signed in as")
	c.get("/sessions").is(http.StatusOK).has("The bare store cannot list sessions.")
}

func TestDescribe(t *testing.T) {
	tests := []struct{ agent, want string }{
		{"", "Unknown device"},
		{"\x00\xff", "Unknown device"},
		{firefox, "Firefox 143 on Linux"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome 140 on Windows"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge 140 on Windows"},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 OPR/122.0.0.0", "Opera 122 on Windows"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Safari 18 on macOS"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", "Safari 18 on iPhone"},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.7339.101 Mobile/15E148 Safari/604.1", "Chrome 140 on iPhone"},
		{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Samsung Internet 28 on Android"},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36", "Chromium 156 on Linux"},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "Chrome 140 on ChromeOS"},
		{"curl/8.5.0", "curl 8"},
		{"Go-http-client/1.1", "Go program"},
		{"Something on Linux", "Linux"},
	}
	for _, tt := range tests {
		if got := describe(tt.agent).String(); got != tt.want {
			t.Errorf("describe(%q) = %q, want %q", tt.agent, got, tt.want)
		}
	}
}
