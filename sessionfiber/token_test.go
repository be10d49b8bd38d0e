package sessionfiber_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionfiber"
)

// TestTokenHeader: a client that sends its token in a header gets its new one in a header, also
// if Commit sends it, and none if the commit fails.
func TestTokenHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{Transport: session.TransportConfig{Header: "Authorization"}})
	with := func(change func(*session.Session), after func(fiber.Ctx) error) fiber.Handler {
		return func(c fiber.Ctx) error {
			s, err := sessionfiber.From(c)
			if err != nil {
				return err
			}
			change(s)
			c.Cookie(&fiber.Cookie{Name: "theme", Value: "dark"})
			return after(c)
		}
	}
	owner := func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		return c.SendString(s.Owner())
	}
	login := func(s *session.Session) { s.Login("ann") }
	r.Post("/login", with(login, owner))
	r.Post("/again", with(login, func(c fiber.Ctx) error {
		if err := sessionfiber.Commit(c); err != nil {
			return err
		}
		return owner(c)
	}))
	r.Post("/teapot", with(func(s *session.Session) { s.Regenerate() }, func(fiber.Ctx) error { return fiber.ErrTeapot }))
	r.Post("/logout", with((*session.Session).Invalidate, owner))
	r.Post("/broken", with(func(s *session.Session) { login(s); r.setDown(true) }, owner))
	r.Get("/", owner)

	token := ""
	send := func(route string, status int, body, next string) {
		t.Helper()
		method, path, _ := strings.Cut(route, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, serve(t, r.App)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", strings.TrimSpace("Bearer "+token))
		req.Header.Set("Origin", "https://app.example.com")
		w, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		var text [100]byte
		n, _ := w.Body.Read(text[:])
		h := w.Header
		got := h.Get("Session-Token")
		switch {
		case w.StatusCode != status || string(text[:n]) != body:
			t.Errorf("%s: %d %q, want %d %q", route, w.StatusCode, text[:n], status, body)
		case strings.Contains(strings.Join(h["Set-Cookie"], ""), "session"):
			t.Errorf("%s: a cookie %q", route, h["Set-Cookie"])
		case len(h["Session-Token"]) > 1 || next == "new" && (len(got) != 64 || got == token) || next != "new" && got != next:
			t.Errorf("%s: token %q, want %s", route, h["Session-Token"], next)
		case next != "" && h.Get("Cache-Control") != "no-store":
			t.Errorf("%s: Cache-Control %q", route, h["Cache-Control"])
		case len(h["Vary"]) != 2 || !slices.Contains(h["Vary"], "Authorization") || !slices.Contains(h["Vary"], "Cookie"):
			t.Errorf("%s: Vary %q", route, h["Vary"])
		}
		if got == "none" {
			token = ""
		} else if got != "" {
			token = got
		}
	}
	send("GET /", 200, "", "")
	send("POST /login", 200, "ann", "new")
	send("GET /", 200, "ann", "")
	send("POST /again", 200, "ann", "new")
	send("POST /teapot", 418, "I'm a teapot", "new")
	send("GET /", 200, "ann", "")
	send("POST /broken", 503, "Your changes may not have been saved. Check before you try again.", "")
	r.setDown(false)
	send("GET /", 200, "ann", "")
	send("POST /logout", 200, "", "none")
	send("GET /", 200, "", "")
}
