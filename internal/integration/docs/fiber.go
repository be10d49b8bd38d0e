package docs

import (
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/expanse-go/session"
)

func fiberSessions(app *fiber.App, manager *session.Manager) {
	app.Use(recover.New(), func(c fiber.Ctx) error {
		s, err := manager.Load(c.Context(), session.Token(strings.Clone(c.Cookies(manager.CookieName()))))
		if err != nil {
			return err
		}
		c.SetContext(session.NewContext(c.Context(), s))
		if err := c.Next(); err != nil {
			return err
		}
		cookie, err := manager.Commit(c.Context(), s)
		if err != nil {
			return err
		}
		if cookie != nil {
			c.Append("Set-Cookie", cookie.String())
			c.Set("Cache-Control", "no-store")
		}
		return nil
	})
}
