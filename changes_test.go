package session_test

import (
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// TestLogChanges: in development, the log tells what a request has stored, and where the program
// has set it.
func TestLogChanges(t *testing.T) {
	t.Parallel()
	develop := func(c *session.Config) { c.DangerouslyLogChanges, c.Cookie.DangerouslyAllowHTTP = true, true }
	g := newRig(t, develop)
	if !strings.Contains(g.log(), "level=WARN msg=\"session: Config.DangerouslyLogChanges is on") {
		t.Errorf("New has logged no warning: %s", g.log())
	}
	cart := session.NewKey[[]int]("cart")
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("name", "ada") })
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("name", strings.Repeat("long", 50))
		cart.Update(s, func(c []int) []int { return append(c, 1) })
		s.Remove("name")
		s.Login("owner")
	})
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("dropped", 1)
		s.Rollback()
	})
	var got []string
	for line := range strings.Lines(g.log()) {
		if m := regexp.MustCompile(`level=INFO msg="session: a request has changed a value" session.id=\w+ session.request="GET /" session.change=(\w+) session.path=(\S+) session.old=(.*) session.new=(.*) session.at=\S*/changes_test.go:\d+\n`).FindStringSubmatch(line); m != nil {
			got = append(got, strings.Join(m[1:], " "))
		}
	}
	long := `"\"` + strings.Repeat("long", 24) + `lon… (202 bytes)"`
	want := []string{
		`set name absent "\"ada\""`,
		`set name "\"ada\"" ` + long,
		`update cart absent [1]`,
		`remove name ` + long + ` absent`,
		`login "" "\"\"" "\"owner\""`,
	}
	equal(t, "changes", strings.Join(got, "\n"), strings.Join(want, "\n"))

	for name, configure := range map[string]func(*session.Config){
		"HTTPS": func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = false },
		"both":  func(c *session.Config) { c.Cookie.IsHTTPS = func(*http.Request) bool { return true } },
	} {
		cfg := session.Config{Logger: slog.New(slog.DiscardHandler)}
		develop(&cfg)
		configure(&cfg)
		_, err := session.New(session.Discard, cfg)
		var ce *session.ConfigError
		if !errors.As(err, &ce) || ce.Field != "DangerouslyLogChanges" {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}
