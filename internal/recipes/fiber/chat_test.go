package fiber_test

import (
	"errors"
	"net"
	"net/http"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"

	"github.com/expanse-go/session"
	recipe "github.com/expanse-go/session/internal/recipes/fiber"
	"github.com/expanse-go/session/internal/recipes/recipetest"
	"github.com/expanse-go/session/sessiontest"
)

func TestChat(t *testing.T) {
	t.Parallel()
	m := recipetest.NewManager(t, session.Config{})
	app := recipe.Routes(m.Manager)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		if err := errors.Join(app.Shutdown(), <-done); err != nil {
			t.Error(err)
		}
	})
	dial := func(cookie *http.Cookie) (*websocket.Conn, int) {
		t.Helper()
		conn, w, err := websocket.DefaultDialer.Dial("ws://"+ln.Addr().String()+"/chat", http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}})
		if w == nil {
			t.Fatal(err)
		}
		return conn, w.StatusCode
	}

	ada := sessiontest.Cookie(t, m.Manager, func(s *session.Session) { s.Login("ada") })
	if _, status := dial(sessiontest.Cookie(t, m.Manager, func(s *session.Session) { s.Set("a", 1) })); status != http.StatusUnauthorized {
		t.Errorf("an anonymous visitor got %d", status)
	}
	conn, status := dial(ada)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("ada got %d", status)
	}
	defer conn.Close()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.ReadMessage(); err != nil || string(text) != "ada: hello" {
		t.Errorf("got %q, %v", text, err)
	}
	s, err := m.Load(t.Context(), session.Token(ada.Value))
	if err != nil {
		t.Fatal(err)
	}
	if said := session.Get(s, "chat.said", []string(nil)); len(said) != 1 || !session.Get(s, "chat.opened", false) {
		t.Errorf("the session has %v", s.All())
	}
	m.Down.Store(true)
	if _, status := dial(ada); status != http.StatusServiceUnavailable {
		t.Errorf("with a store that is down: %d", status)
	}
	m.Down.Store(false)
	s.Invalidate()
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteMessage(websocket.TextMessage, []byte("still there?")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := conn.ReadMessage(); err == nil {
		t.Errorf("after the logout, the socket answers %q", text)
	}
}
