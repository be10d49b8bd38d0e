package sessionecho_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionecho"
	"github.com/expanse-go/session/sessiontest"
)

// newBroken returns a manager whose store cannot create sessions.
func newBroken(t *testing.T) *session.Manager {
	t.Helper()
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "create" {
			return errors.New("the store is down")
		}
		return next()
	})
	m, err := session.New(store, session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// saveWith returns an application whose handler changes the session and then responds.
func saveWith(respond echo.HandlerFunc, use ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.Use(use...)
	e.POST("/", func(c *echo.Context) error {
		s, err := sessionecho.From(c)
		if err != nil {
			return err
		}
		s.Set("n", 1)
		return respond(c)
	})
	return e
}

func post(e *echo.Echo) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	return w
}

const unavailable = `{"message":"Your changes may not have been saved. Check before you try again."}` + "\n"

// TestErrorHandlerOfEcho: c.JSON and Echo's error handler, which calls c.JSON, share a writer
// in the context. The error page must stand alone nevertheless.
func TestErrorHandlerOfEcho(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]echo.HandlerFunc{
		"JSON":       func(c *echo.Context) error { return c.JSON(http.StatusOK, map[string]string{"saved": "yes"}) },
		"JSONPretty": func(c *echo.Context) error { return c.JSONPretty(http.StatusOK, []int{1, 2}, "  ") },
		"XML":        func(c *echo.Context) error { return c.XML(http.StatusOK, "saved") },
		"NoContent":  func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) },
		"nothing":    func(*echo.Context) error { return nil },
		"twice": func(c *echo.Context) error {
			_ = c.JSON(http.StatusOK, 1)
			return c.JSON(http.StatusOK, 2)
		},
		"an error": func(*echo.Context) error { return echo.ErrForbidden },
	} {
		w := post(saveWith(respond, sessionecho.Middleware(newBroken(t))))
		if w.Code != http.StatusServiceUnavailable || w.Body.String() != unavailable {
			t.Errorf("%s: got status %d and %q; want 503 and %q", name, w.Code, w.Body, unavailable)
		}
	}
}

// TestErrorIsSeenOutside: middleware outside sees the error of the commit, and an error handler
// that ignores what has been sent can't add to the response.
func TestErrorIsSeenOutside(t *testing.T) {
	t.Parallel()
	var seen error
	e := saveWith(
		func(c *echo.Context) error { return c.String(http.StatusOK, "saved") },
		func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c *echo.Context) error {
				seen = next(c)
				return seen
			}
		},
		sessionecho.Middleware(newBroken(t)),
	)
	e.HTTPErrorHandler = func(c *echo.Context, err error) { _ = c.String(echo.StatusCode(err), "page") }
	w := post(e)
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != "page" {
		t.Errorf("got status %d and %q; want 503 and one page", w.Code, w.Body)
	}
	var se *session.StoreError
	if echo.StatusCode(seen) != http.StatusServiceUnavailable || !errors.As(seen, &se) {
		t.Errorf("the middleware outside got %v; want a 503 that wraps a StoreError", seen)
	}
}

// TestErrorStatus: what a handler has changed is committed or dropped by the status of its
// error.
func TestErrorStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		stored bool
	}{
		"a 401":                 {echo.ErrUnauthorized, 401, true},
		"a wrapped 422":         {echo.NewHTTPError(422, "invalid").Wrap(io.ErrUnexpectedEOF), 422, true},
		"a 500":                 {echo.ErrInternalServerError, 500, false},
		"a 503":                 {echo.ErrServiceUnavailable, 503, false},
		"an error of no status": {io.ErrUnexpectedEOF, 500, false},
	} {
		m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
		if err != nil {
			t.Fatal(err)
		}
		w := post(saveWith(func(*echo.Context) error { return test.err }, sessionecho.Middleware(m)))
		if stored := w.Header().Get("Set-Cookie") != ""; w.Code != test.status || stored != test.stored {
			t.Errorf("%s: got status %d, stored %t; want %d, %t", name, w.Code, stored, test.status, test.stored)
		}
	}
}

// TestErrorAfterTheResponse: an error that a handler returns when the response has begun, as
// when the client has gone, drops no changes, but a panic does.
func TestErrorAfterTheResponse(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"error": true, "panic": false} {
		m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
		if err != nil {
			t.Fatal(err)
		}
		e := saveWith(func(c *echo.Context) error {
			if err := c.String(http.StatusOK, "begun"); err != nil {
				return err
			}
			s, err := sessionecho.From(c)
			if err != nil {
				return err
			}
			s.Set("late", true)
			if name == "panic" {
				panic(echo.ErrForbidden)
			}
			return io.ErrClosedPipe
		}, sessionecho.Middleware(m), middleware.Recover())
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		s := sessiontest.Session(t, m, r, w.Result())
		if got := s.Has("late"); got != stored || !s.Has("n") {
			t.Errorf("%s: late is stored: %t, want %t; n: %t", name, got, stored, s.Has("n"))
		}
	}
}

// TestPanicWithAnError: with Recover inside, a panic is no returned error, whatever its status.
func TestPanicWithAnError(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e := saveWith(func(*echo.Context) error { panic(echo.ErrForbidden) }, sessionecho.Middleware(m), middleware.Recover())
	if w := post(e); w.Header().Get("Set-Cookie") != "" {
		t.Errorf("the changes before a panic are stored: status %d, %q", w.Code, w.Header()["Set-Cookie"])
	}
}

// TestSessionError: session.Error works in a handler of Echo, and calls its error handler.
func TestSessionError(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := post(saveWith(func(c *echo.Context) error {
		session.Error(c.Response(), c.Request(), echo.ErrForbidden)
		return nil
	}, sessionecho.Middleware(m)))
	if got, want := w.Body.String(), `{"message":"Forbidden"}`+"\n"; w.Code != http.StatusForbidden || got != want || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("got status %d, %q, cookie %q; want 403, %q and no cookie", w.Code, got, w.Header().Get("Set-Cookie"), want)
	}
}

// TestGzip: compression works on either side.
func TestGzip(t *testing.T) {
	t.Parallel()
	for _, inside := range []bool{true, false} {
		m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
		if err != nil {
			t.Fatal(err)
		}
		use := []echo.MiddlewareFunc{middleware.Gzip(), sessionecho.Middleware(m)}
		if inside {
			use[0], use[1] = use[1], use[0]
		}
		e := saveWith(func(c *echo.Context) error { return c.String(http.StatusOK, strings.Repeat("saved ", 500)) }, use...)
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Set-Cookie") == "" || w.Body.Len() > 200 {
			t.Errorf("inside %t: got status %d, %d bytes and %v", inside, w.Code, w.Body.Len(), w.Header())
		}
	}
}

// TestHead: Echo's automatic HEAD routes buffer the status.
func TestHead(t *testing.T) {
	t.Parallel()
	e := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: true})})
	e.Use(sessionecho.Middleware(newBroken(t)))
	e.GET("/", func(c *echo.Context) error {
		s, err := sessionecho.From(c)
		if err != nil {
			return err
		}
		s.Set("n", 1)
		return c.String(http.StatusOK, "page")
	})
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("got status %d; want 503", w.Code)
	}
}

// TestSkipper: From fails for a request that was skipped, and says what is missing.
func TestSkipper(t *testing.T) {
	t.Parallel()
	skip := func(*echo.Context) bool { return true }
	w := post(saveWith(func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) },
		sessionecho.MiddlewareWithConfig(newBroken(t), sessionecho.Config{Skipper: skip})))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("got status %d; want 500", w.Code)
	}
}
