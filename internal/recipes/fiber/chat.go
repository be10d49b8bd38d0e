// Package fiber is the recipe for WebSockets on Fiber. The folder sessionfiber has a complete
// application.
package fiber

import (
	"strings"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionfiber"
)

// Routes returns an application with a chat.
func Routes(manager *session.Manager) *fiber.App {
	app := fiber.New()
	app.Use(sessionfiber.New(manager))
	app.Get("/chat", chat(manager))
	return app
}

// chat stores what a signed-in user says. The socket ends when the user signs out.
func chat(manager *session.Manager) fiber.Handler {
	upgrader := websocket.FastHTTPUpgrader{} // refuses other origins
	return func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		if s.Owner() == "" {
			return fiber.ErrUnauthorized
		}
		s.Set("chat.opened", true) // committed before the upgrade
		ctx, token := c.Context(), session.Token(strings.Clone(c.Cookies(manager.CookieName())))
		return upgrader.Upgrade(c.RequestCtx(), func(conn *websocket.Conn) {
			defer conn.Close()
			for {
				kind, message, err := conn.ReadMessage()
				if err != nil {
					return
				}
				s, err := manager.Load(ctx, token)
				if err != nil || s.Owner() == "" {
					return
				}
				s.Append("chat.said", string(message))
				if _, err := manager.Commit(ctx, s); err != nil {
					return
				}
				if conn.WriteMessage(kind, []byte(s.Owner()+": "+string(message))) != nil {
					return
				}
			}
		})
	}
}
