// Command fiber serves a small application that uses the session middleware of gofiber/fiber,
// for "beam race".
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8004", "`address` to listen on")
	flag.Parse()
	app := fiber.New()
	app.Use(session.New())
	app.Post("/login", func(c fiber.Ctx) error {
		s := session.FromContext(c)
		if err := s.Regenerate(); err != nil {
			return err
		}
		s.Set("user", strings.Clone(c.FormValue("user"))) // fiber reuses the bytes
		return nil
	})
	app.Post("/logout", func(c fiber.Ctx) error { return session.FromContext(c).Destroy() })
	app.All("/set", func(c fiber.Ctx) error {
		s := session.FromContext(c)
		if s.Get("user") == nil {
			return fiber.NewError(fiber.StatusUnauthorized, "sign in first")
		}
		time.Sleep(20 * time.Millisecond) // simulates a database query
		s.Set(strings.Clone(c.Query("key")), true)
		return nil
	})
	app.Get("/all", func(c fiber.Ctx) error {
		s := session.FromContext(c)
		return c.SendString(fmt.Sprintf("user %q: %q\n", s.Get("user"), s.Keys()))
	})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving on http://%s\n", l.Addr())
	log.Fatal(app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true}))
}
