package sessionecho_test

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionecho"
)

func newManager() *session.Manager {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return manager
}

// browse sends requests with the cookies of one browser, and prints the responses.
func browse(h http.Handler, requests ...string) {
	cookies := make(map[string]*http.Cookie)
	for _, request := range requests {
		method, target, _ := strings.Cut(request, " ")
		r := httptest.NewRequest(method, "https://example.com"+target, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			cookies[c.Name] = c
		}
		fmt.Println(strings.Join(strings.Fields(fmt.Sprint(request, ": ", w.Code, " ", w.Header().Get("Location"), w.Body)), " "))
	}
}

// A form handler stores a value, leaves a message for the next page, and redirects to it.
func Example() {
	manager := newManager()
	e := echo.New()
	e.Use(middleware.Recover(), sessionecho.Middleware(manager))

	e.POST("/profile", func(c *echo.Context) error {
		s, err := sessionecho.From(c)
		if err != nil {
			return err
		}
		s.Set("user.name", c.QueryParam("name"))
		s.Flash("status", "Saved.")
		return c.Redirect(http.StatusSeeOther, "/profile")
	})

	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.New("profile").Parse(
		`{{with .Session.Value "status"}}{{.}} {{end}}Hello {{.Session.Value "user.name"}}!`))}
	e.GET("/profile", func(c *echo.Context) error {
		s, err := sessionecho.From(c)
		if err != nil {
			return err
		}
		return c.Render(http.StatusOK, "profile", map[string]any{"Session": s})
	})

	browse(e, "POST /profile?name=Ada", "GET /profile", "GET /profile")
	// Output:
	// POST /profile?name=Ada: 303 /profile
	// GET /profile: 200 Saved. Hello Ada!
	// GET /profile: 200 Hello Ada!
}

// A skipper leaves requests without a session, and an error handler responds to the errors of
// sessions in its own way.
func ExampleMiddlewareWithConfig() {
	manager := newManager()
	e := echo.New()
	e.Use(sessionecho.MiddlewareWithConfig(manager, sessionecho.Config{
		Skipper: func(c *echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/static/") },
		ErrorHandler: func(c *echo.Context, err error) {
			_ = c.String(echo.StatusCode(err), "Sorry: "+http.StatusText(echo.StatusCode(err)))
		},
	}))
	e.GET("/static/logo", func(c *echo.Context) error {
		_, err := sessionecho.From(c)
		fmt.Println(err != nil)
		return c.String(http.StatusOK, "logo")
	})
	e.POST("/order", func(c *echo.Context) error {
		s, err := sessionecho.From(c)
		if err != nil {
			return err
		}
		s.Set("order", 1)
		_ = manager.Close(c.Request().Context()) // so that the commit fails
		return c.String(http.StatusOK, "ordered")
	})

	browse(e, "GET /static/logo", "POST /order")
	// Output:
	// true
	// GET /static/logo: 200 logo
	// POST /order: 503 Sorry: Service Unavailable
}

// An error of a method that a handler calls itself gets its status from Error.
func ExampleError() {
	manager := newManager()
	e := echo.New()
	e.POST("/devices/end", func(c *echo.Context) error {
		id, err := session.ParseID(c.QueryParam("id"))
		if err != nil {
			return echo.ErrBadRequest
		}
		_, err = manager.Info(c.Request().Context(), id)
		if err != nil {
			return sessionecho.Error(err)
		}
		return c.NoContent(http.StatusNoContent)
	})

	browse(e, "POST /devices/end?id=00112233445566778899aabbccddeeff")
	// Output:
	// POST /devices/end?id=00112233445566778899aabbccddeeff: 404 {"message":"There is no such session."}
}
