package sessionfiber_test

import (
	"bufio"
	"context"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionfiber"
)

func newManager() *session.Manager {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return manager
}

// views are the templates of package html/template.
type views struct{ *template.Template }

func (v views) Load() error { return nil }

func (v views) Render(w io.Writer, name string, data any, _ ...string) error {
	return v.ExecuteTemplate(w, name, data)
}

// browse sends requests with the cookies of one browser, and prints the responses.
func browse(app *fiber.App, requests ...string) {
	cookies := make(map[string]*http.Cookie)
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, "https://example.com"+target, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w, err := app.Test(r)
		if err != nil {
			panic(err)
		}
		text, err := io.ReadAll(w.Body)
		if err != nil {
			panic(err)
		}
		for _, c := range w.Cookies() {
			cookies[c.Name] = c
		}
		fmt.Println(strings.Join(strings.Fields(fmt.Sprint(request, ": ", w.StatusCode, " ", w.Header.Get("Location"), string(text))), " "))
	}
}

// A form handler stores a value, leaves a message for the next page, and redirects to it.
func Example() {
	manager := newManager()
	app := fiber.New(fiber.Config{Views: views{template.Must(template.New("profile").Parse(
		`{{with .Session.Value "status"}}{{.}} {{end}}Hello {{.Session.Value "user.name"}}!`))}})
	app.Use(recover.New(), sessionfiber.New(manager))

	app.Post("/profile", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("user.name", c.Query("name"))
		s.Flash("status", "Saved.")
		return c.Redirect().To("/profile")
	})
	app.Get("/profile", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		return c.Render("profile", fiber.Map{"Session": s})
	})

	browse(app, "POST /profile?name=Ada", "GET /profile", "GET /profile")
	// Output:
	// POST /profile?name=Ada: 303 /profile
	// GET /profile: 200 Saved. Hello Ada!
	// GET /profile: 200 Hello Ada!
}

// Requests for which Next returns true get no session. The errors of sessions go to the
// ErrorHandler of the app.
func ExampleNew() {
	manager := newManager()
	app := fiber.New(fiber.Config{ErrorHandler: func(c fiber.Ctx, err error) error {
		return c.SendString("Sorry: " + err.Error())
	}})
	app.Use(sessionfiber.New(manager, sessionfiber.Config{
		Next: func(c fiber.Ctx) bool { return strings.HasPrefix(c.Path(), "/static/") },
	}))
	app.Get("/static/logo", func(c fiber.Ctx) error {
		_, err := sessionfiber.From(c)
		fmt.Println(err != nil)
		return c.SendString("logo")
	})
	app.Get("/order", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("order", 1)
		_ = manager.Close(c.Context()) // so that the commit fails
		return c.SendString("ordered")
	})

	browse(app, "GET /static/logo", "GET /order")
	// Output:
	// true
	// GET /static/logo: 200 logo
	// GET /order: 200 Sorry: Your changes may not have been saved. Check before you try again.
}

// A stream commits before it begins. For what happens afterwards, it uses Load and Commit with
// the context and the token of the request.
func ExampleCommit() {
	manager := newManager()
	app := fiber.New()
	app.Use(sessionfiber.New(manager))
	app.Get("/countdown", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("countdown.begun", true)
		if err := sessionfiber.Commit(c); err != nil {
			return err
		}
		ctx, token := c.Context(), session.Token(strings.Clone(c.Cookies(manager.CookieName())))
		return c.SendStreamWriter(func(w *bufio.Writer) {
			for n := 3; n > 0; n-- {
				fmt.Fprintln(w, n)
				if w.Flush() != nil {
					return // the client has gone
				}
			}
			if err := finish(ctx, manager, token); err != nil {
				fmt.Fprintln(w, err)
			}
		})
	})
	app.Get("/state", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("seen", true)
		return c.JSON(s.All()["countdown"])
	})

	browse(app, "GET /state", "GET /countdown", "GET /state")
	// Output:
	// GET /state: 200 null
	// GET /countdown: 200 3 2 1
	// GET /state: 200 {"begun":true,"finished":true}
}

func finish(ctx context.Context, manager *session.Manager, token session.Token) error {
	s, err := manager.Load(ctx, token)
	if err != nil {
		return err
	}
	s.Set("countdown.finished", true)
	_, err = manager.Commit(ctx, s) // returns no cookie, because the response has begun
	return err
}

// An error of a method that a handler calls itself gets its status from Error.
func ExampleError() {
	manager := newManager()
	app := fiber.New()
	app.Post("/devices/end", func(c fiber.Ctx) error {
		id, err := session.ParseID(c.Query("id"))
		if err != nil {
			return fiber.ErrBadRequest
		}
		if _, err := manager.Info(c.Context(), id); err != nil {
			return sessionfiber.Error(err)
		}
		return c.SendStatus(fiber.StatusNoContent)
	})

	browse(app, "POST /devices/end?id=00112233445566778899aabbccddeeff")
	// Output:
	// POST /devices/end?id=00112233445566778899aabbccddeeff: 404 There is no such session.
}
