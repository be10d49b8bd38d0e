package docs

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// TestTokens runs the client of docs/api-tokens.md.
func TestTokens(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{
		Transport: session.TransportConfig{Header: "Authorization"},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(cors(m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		switch r.URL.Path {
		case "/login":
			s.Login("ada")
		case "/logout":
			s.Invalidate()
		}
		fmt.Fprint(w, r.URL.Path, " ", s.Owner())
	})))
	defer server.Close()
	client := http.Client{Transport: &tokens{origin: server.URL}}
	for _, step := range [][2]string{{"/", "/ "}, {"/login", "/login ada"}, {"/", "/ ada"}, {"/logout", "/logout "}, {"/", "/ "}} {
		response, err := client.Post(server.URL+step[0], "", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if string(text) != step[1] {
			t.Errorf("%s: got %q, want %q", step[0], text, step[1])
		}
	}

	r := httptest.NewRequest("OPTIONS", "/", nil)
	r.Header.Set("Access-Control-Request-Method", "PUT")
	for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example": ""} {
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		cors(nil).ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != want || w.Code != http.StatusNoContent {
			t.Errorf("preflight of %s: %d, %q", origin, w.Code, got)
		}
	}
}

// TestEndTeam runs the loop of docs/guide.md.
func TestEndTeam(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	for owner, team := range map[string]string{"ada": "red", "bob": "blue", "eve": "red"} {
		sessiontest.Cookie(t, m, func(s *session.Session) { s.Login(owner); s.Set("user.team", team) })
	}
	if err := endTeam(t.Context(), m, "red"); err != nil {
		t.Fatal(err)
	}
	left := ""
	for info, err := range m.ListAll(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		left += info.Owner + " "
	}
	if left != "bob " {
		t.Errorf("left: %q", left)
	}
}

// TestCallback runs the sign-in through another site of docs/deploying.md.
func TestCallback(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), apple)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	callback(mux, m, "ada")
	c := sessiontest.NewClient(t, m.Handler(mux))
	c.SetCookie(sessiontest.Cookie(t, m, func(s *session.Session) { s.Set("login.state", "x1") }))
	c.From("https://appleid.apple.com").Submit("/callback", url.Values{"state": {"x1"}, "code": {"c"}})
	if got := c.Session(m).Owner(); got != "ada" {
		t.Errorf("owner %q", got)
	}
	if r := c.From("https://evil.example").Submit("/callback", url.Values{"state": {"x1"}}); r.StatusCode != http.StatusForbidden {
		t.Errorf("another origin: %d", r.StatusCode)
	}
}

// TestSetup checks the settings that the pages quote.
func TestSetup(t *testing.T) {
	t.Parallel()
	for _, config := range []session.Config{trusting, both, apple, keys} {
		if _, err := session.New(memstore.New(memstore.Config{}), config); err != nil {
			t.Error(err)
		}
	}
}
