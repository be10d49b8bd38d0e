package sessionfiber

import (
	"github.com/gofiber/fiber/v3"

	"github.com/expanse-go/session"
)

func From(c fiber.Ctx) (*session.Session, error) { return nil, nil }
