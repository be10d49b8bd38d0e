package sessiongin_test

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
	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiongin"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// recovery responds to panics as gin.Recovery does, with the error page of the suite.
func recovery() gin.HandlerFunc {
	return gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) {
		c.Abort()
		c.String(http.StatusInternalServerError, adaptertest.ErrorText(http.StatusInternalServerError))
	})
}

// TestSuite runs the suite for adapters with each order of middleware that an application may
// have.
func TestSuite(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(e *gin.Engine, sessions gin.HandlerFunc){
		"recovery outside": func(e *gin.Engine, sessions gin.HandlerFunc) { e.Use(recovery(), sessions) },
		"recovery inside":  func(e *gin.Engine, sessions gin.HandlerFunc) { e.Use(sessions, recovery()) },
		"no recovery":      func(e *gin.Engine, sessions gin.HandlerFunc) { e.Use(sessions) },
		"errors rendered outside": func(e *gin.Engine, sessions gin.HandlerFunc) {
			e.Use(recovery(), renderErrors, sessions)
		},
		"errors rendered inside": func(e *gin.Engine, sessions gin.HandlerFunc) {
			e.Use(recovery(), sessions, renderErrors)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, harness(func(e *gin.Engine, m *session.Manager) {
				use(e, sessiongin.MiddlewareWithConfig(m, sessiongin.Config{ErrorHandler: errorPage}))
			}))
		})
	}
}

// TestSuiteOnError runs it with the error handler of the manager.
func TestSuiteOnError(t *testing.T) {
	t.Parallel()
	h := harness(func(e *gin.Engine, m *session.Manager) { e.Use(recovery(), sessiongin.Middleware(m)) })
	h.OnError = onError
	adaptertest.Run(t, h)
}

func onError(w http.ResponseWriter, _ *http.Request, err error) {
	status, _ := session.ErrorStatus(err)
	w.WriteHeader(status)
	io.WriteString(w, adaptertest.ErrorText(status))
}

// TestWrapped shows why this package exists: what breaks if the middleware of package session
// is turned into one of Gin.
func TestWrapped(t *testing.T) {
	t.Parallel()
	h := harness(func(e *gin.Engine, m *session.Manager) {
		e.Use(recovery(), func(c *gin.Context) {
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				c.Request = r
				c.Next()
			})).ServeHTTP(c.Writer, c.Request)
		})
	})
	h.OnError, h.Patience = onError, 2*time.Second
	broken := adaptertest.Check(t, h)
	want := []string{"CommitFails", "CreateFails", "CrossOrigin", "Ended", "Events", "FlashSurvivesRedirect", "NewSession", "Refused", "Socket", "Stream", "StreamFails"}
	if got := slices.Sorted(maps.Keys(broken)); !slices.Equal(got, want) {
		t.Errorf("breaks %q; want %q", got, want)
		for name, err := range broken {
			t.Logf("%s: %v", name, err)
		}
	}
}

// renderErrors is the middleware of Gin's documentation that responds to errors.
func renderErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) > 0 {
		errorPage(c, c.Errors.Last())
	}
}

// errorPage is an error handler of an application.
func errorPage(c *gin.Context, err error) {
	status, _ := session.ErrorStatus(err)
	c.String(status, adaptertest.ErrorText(status))
}

// harness serves the routes of the suite.
func harness(use func(e *gin.Engine, m *session.Manager)) adaptertest.Harness {
	return adaptertest.Harness{Serve: func(tb testing.TB, app *adaptertest.App) string {
		e := gin.New()
		use(e, app.Manager)
		routes(e, app)
		server := httptest.NewUnstartedServer(e)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		server.Start()
		tb.Cleanup(server.Close)
		return server.URL
	}}
}

func routes(e *gin.Engine, app *adaptertest.App) {
	handle := func(h func(c *gin.Context, s *session.Session)) gin.HandlerFunc {
		return func(c *gin.Context) {
			s, err := sessiongin.From(c)
			if err != nil {
				sessiongin.Error(c, err)
				return
			}
			h(c, s)
		}
	}
	e.GET("/plain", func(c *gin.Context) { c.String(http.StatusOK, "plain") })
	e.GET("/show", handle(func(c *gin.Context, s *session.Session) { c.String(http.StatusOK, app.Show(s)) }))
	e.POST("/save", handle(func(c *gin.Context, s *session.Session) {
		c.Redirect(http.StatusSeeOther, "/show") // Gin sends the header when all handlers have returned
		app.Save(s)
	}))
	e.POST("/hop", handle(func(c *gin.Context, s *session.Session) {
		app.Hop(s)
		c.Redirect(http.StatusSeeOther, "/show")
	}))
	e.POST("/add", handle(func(c *gin.Context, s *session.Session) {
		c.Status(http.StatusOK) // only a note
		n := c.Query("n")
		app.Add(s, n)
		c.JSON(http.StatusOK, gin.H{"added": n})
	}))
	e.POST("/quiet", handle(func(c *gin.Context, s *session.Session) {
		c.Status(http.StatusNoContent)
		app.Quiet(s)
	}))
	e.POST("/upload", handle(func(c *gin.Context, s *session.Session) {
		n, err := app.Upload(s, c.Request.Body)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		c.String(http.StatusOK, "%d", n)
	}))
	e.GET("/sse", handle(func(c *gin.Context, s *session.Session) {
		for event := range app.Events(s) {
			c.SSEvent("message", event)
			c.Writer.Flush()
		}
	}))
	e.GET("/stream", handle(func(c *gin.Context, s *session.Session) {
		lines := make(chan string)
		go func() {
			defer close(lines)
			for line := range app.Lines(s) {
				select {
				case lines <- line:
				case <-c.Request.Context().Done():
					return
				}
			}
		}()
		c.Stream(func(w io.Writer) bool {
			line, ok := <-lines
			if ok {
				_, _ = fmt.Fprintln(w, line)
			}
			return ok
		})
	}))
	e.GET("/socket", handle(func(c *gin.Context, s *session.Session) {
		app.Socket(s)
		serveSocket(c)
	}))
	e.GET("/panic", handle(func(_ *gin.Context, s *session.Session) { app.Panic(s) }))
	e.GET("/refuse", handle(func(c *gin.Context, s *session.Session) {
		app.Refuse(s)
		c.Abort()
		c.String(http.StatusForbidden, adaptertest.ErrorText(http.StatusForbidden))
	}))
	e.GET("/fail", handle(func(c *gin.Context, s *session.Session) { sessiongin.Error(c, app.Fail(s)) }))
	e.NoRoute(func(c *gin.Context) { c.String(http.StatusNotFound, adaptertest.ErrorText(http.StatusNotFound)) })
}

// serveSocket sends one message back.
func serveSocket(c *gin.Context) {
	conn, err := websocket.Accept(c.Writer, c.Request, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	kind, text, err := conn.Read(c.Request.Context())
	if err == nil {
		_ = conn.Write(c.Request.Context(), kind, text)
	}
}
