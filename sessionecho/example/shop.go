package main

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionecho"
)

//go:embed page.html
var page string

var items = session.NewKey[int]("cart.items")

// newShop returns the application.
func newShop(manager *session.Manager) *echo.Echo {
	e := echo.New()
	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.New("page").Parse(page))}
	e.Use(middleware.Recover(), sessionecho.Middleware(manager))
	e.GET("/", show)
	e.POST("/login", login)
	e.POST("/cart", add)
	e.POST("/logout", logout)
	return e
}

func show(c *echo.Context) error {
	s, err := sessionecho.From(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "page", map[string]any{"Session": s})
}

func login(c *echo.Context) error {
	s, err := sessionecho.From(c)
	if err != nil {
		return err
	}
	name := c.FormValue("name")
	if name == "" || c.FormValue("password") != "demo" { // a real shop compares a hash
		s.Flash("status", "The name or the password is wrong.")
		return c.Redirect(http.StatusSeeOther, "/")
	}
	s.Login(name)
	s.Flash("status", "Welcome, "+name+".")
	return c.Redirect(http.StatusSeeOther, "/")
}

func add(c *echo.Context) error {
	s, err := sessionecho.From(c)
	if err != nil {
		return err
	}
	items.Update(s, func(n int) int { return n + 1 })
	s.Flash("status", "Added.")
	return c.Redirect(http.StatusSeeOther, "/")
}

func logout(c *echo.Context) error {
	s, err := sessionecho.From(c)
	if err != nil {
		return err
	}
	s.Invalidate()
	s.Flash("status", "Signed out.")
	return c.Redirect(http.StatusSeeOther, "/")
}
