package sessionecho_test

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionecho"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// TestSuite runs the suite for adapters with each order of middleware that an application may
// have.
func TestSuite(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(e *echo.Echo, sessions echo.MiddlewareFunc){
		"recover outside": func(e *echo.Echo, sessions echo.MiddlewareFunc) { e.Use(middleware.Recover(), sessions) },
		"recover inside":  func(e *echo.Echo, sessions echo.MiddlewareFunc) { e.Use(sessions, middleware.Recover()) },
		"recover without a stack": func(e *echo.Echo, sessions echo.MiddlewareFunc) {
			e.Use(sessions, middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
		},
		"no recover": func(e *echo.Echo, sessions echo.MiddlewareFunc) { e.Use(sessions) },
		"pre":        func(e *echo.Echo, sessions echo.MiddlewareFunc) { e.Pre(sessions) },
		"timeout inside": func(e *echo.Echo, sessions echo.MiddlewareFunc) {
			e.Use(sessions, middleware.ContextTimeout(time.Minute))
		},
		"logger outside, handling errors": func(e *echo.Echo, sessions echo.MiddlewareFunc) {
			e.Use(middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
				HandleError:   true,
				LogValuesFunc: func(*echo.Context, middleware.RequestLoggerValues) error { return nil },
			}), sessions)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, harness(func(e *echo.Echo, m *session.Manager) { use(e, sessionecho.Middleware(m)) }))
		})
	}
}

// TestWrapMiddleware shows why this package exists: what breaks if the middleware of package
// session is wrapped for Echo.
func TestWrapMiddleware(t *testing.T) {
	t.Parallel()
	h := harness(func(e *echo.Echo, m *session.Manager) {
		e.Use(echo.WrapMiddleware(m.Handler), middleware.Recover())
	})
	h.Patience = 2 * time.Second
	broken := adaptertest.Check(t, h)
	want := []string{"CommitFails", "CreateFails", "CrossOrigin", "Ended", "Failed", "Panic", "StreamFails"}
	if got := slices.Sorted(maps.Keys(broken)); !slices.Equal(got, want) {
		t.Errorf("breaks %q; want %q", got, want)
		for name, err := range broken {
			t.Logf("%s: %v", name, err)
		}
	}
}

// harness serves the routes of the suite.
func harness(use func(e *echo.Echo, m *session.Manager)) adaptertest.Harness {
	return adaptertest.Harness{Serve: func(tb testing.TB, app *adaptertest.App) string {
		e := echo.New()
		e.Logger = slog.New(slog.DiscardHandler)
		e.HTTPErrorHandler = errorPage
		use(e, app.Manager)
		routes(e, app)
		server := httptest.NewUnstartedServer(e)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		tb.Cleanup(server.Close)
		return server.URL
	}}
}

// errorPage is an error handler of an application. Like that of Echo, it leaves responses
// alone that have begun, and responds with c.JSON if it can.
func errorPage(c *echo.Context, err error) {
	response, status := echo.ResolveResponseStatus(c.Response(), err)
	if response != nil && response.Committed {
		return
	}
	_ = c.String(status, adaptertest.ErrorText(status))
}

func routes(e *echo.Echo, app *adaptertest.App) {
	handle := func(h func(c *echo.Context, s *session.Session) error) echo.HandlerFunc {
		return func(c *echo.Context) error {
			s, err := sessionecho.From(c)
			if err != nil {
				return err
			}
			return h(c, s)
		}
	}
	e.GET("/plain", func(c *echo.Context) error { return c.String(http.StatusOK, "plain") })
	e.GET("/show", handle(func(c *echo.Context, s *session.Session) error { return c.String(http.StatusOK, app.Show(s)) }))
	e.POST("/save", handle(func(c *echo.Context, s *session.Session) error {
		app.Save(s)
		return c.Redirect(http.StatusSeeOther, "/show")
	}))
	e.POST("/hop", handle(func(c *echo.Context, s *session.Session) error {
		app.Hop(s)
		return c.Redirect(http.StatusSeeOther, "/show")
	}))
	e.POST("/add", handle(func(c *echo.Context, s *session.Session) error {
		n := c.QueryParam("n")
		app.Add(s, n)
		return c.JSON(http.StatusOK, map[string]string{"added": n})
	}))
	e.POST("/quiet", handle(func(c *echo.Context, s *session.Session) error {
		app.Quiet(s)
		return c.NoContent(http.StatusNoContent)
	}))
	e.POST("/upload", handle(func(c *echo.Context, s *session.Session) error {
		n, err := app.Upload(s, c.Request().Body)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, fmt.Sprint(n))
	}))
	e.GET("/sse", handle(func(c *echo.Context, s *session.Session) error {
		c.Response().Header().Set(echo.HeaderContentType, "text/event-stream")
		for event := range app.Events(s) {
			if _, err := fmt.Fprintf(c.Response(), "data: %s\n\n", event); err != nil {
				return err
			}
			if err := http.NewResponseController(c.Response()).Flush(); err != nil {
				return err
			}
		}
		return nil
	}))
	e.GET("/stream", handle(func(c *echo.Context, s *session.Session) error {
		for line := range app.Lines(s) {
			if _, err := io.WriteString(c.Response(), line+"\n"); err != nil {
				return err
			}
			c.Response().(http.Flusher).Flush()
		}
		return nil
	}))
	e.GET("/socket", handle(func(c *echo.Context, s *session.Session) error {
		app.Socket(s)
		return serveSocket(c.Response(), c.Request())
	}))
	e.GET("/panic", handle(func(_ *echo.Context, s *session.Session) error {
		app.Panic(s)
		return nil
	}))
	e.GET("/refuse", handle(func(_ *echo.Context, s *session.Session) error {
		app.Refuse(s)
		return echo.ErrForbidden
	}))
	e.GET("/fail", handle(func(_ *echo.Context, s *session.Session) error { return app.Fail(s) }))
}

// serveSocket sends one message back.
func serveSocket(w http.ResponseWriter, r *http.Request) error {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	kind, text, err := conn.Read(r.Context())
	if err != nil {
		return err
	}
	return conn.Write(r.Context(), kind, text)
}
