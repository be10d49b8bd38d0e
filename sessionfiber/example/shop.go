package main

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionfiber"
)

//go:embed page.html
var page string

var items = session.NewKey[int]("cart.items")

// newShop returns the application.
func newShop(manager *session.Manager) *fiber.App {
	app := fiber.New(fiber.Config{Views: views{template.Must(template.New("page").Parse(page))}})
	app.Use(recover.New(), sessionfiber.New(manager))
	app.Get("/", show)
	app.Post("/login", login)
	app.Post("/cart", add)
	app.Post("/logout", logout)
	return app
}

// views are the templates of package html/template.
type views struct{ templates *template.Template }

func (v views) Load() error { return nil }

func (v views) Render(w io.Writer, name string, data any, _ ...string) error {
	return v.templates.ExecuteTemplate(w, name, data)
}

func show(c fiber.Ctx) error {
	s, err := sessionfiber.From(c)
	if err != nil {
		return err
	}
	return c.Render("page", fiber.Map{"Session": s})
}

func login(c fiber.Ctx) error {
	s, err := sessionfiber.From(c)
	if err != nil {
		return err
	}
	name := c.FormValue("name")
	if name == "" || c.FormValue("password") != "demo" { // a real shop compares a hash
		s.Flash("status", "The name or the password is wrong.")
		return c.Redirect().To("/")
	}
	s.Login(name)
	s.Flash("status", "Welcome, "+name+".")
	return c.Redirect().To("/")
}

func add(c fiber.Ctx) error {
	s, err := sessionfiber.From(c)
	if err != nil {
		return err
	}
	items.Update(s, func(n int) int { return n + 1 })
	s.Flash("status", "Added.")
	return c.Redirect().To("/")
}

func logout(c fiber.Ctx) error {
	s, err := sessionfiber.From(c)
	if err != nil {
		return err
	}
	s.Invalidate()
	s.Flash("status", "Signed out.")
	return c.Redirect().To("/")
}
