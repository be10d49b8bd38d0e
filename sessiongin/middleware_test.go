package sessiongin_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"syscall"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiongin"
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
func saveWith(respond gin.HandlerFunc, use ...gin.HandlerFunc) *gin.Engine {
	e := gin.New()
	e.Use(use...)
	e.POST("/", func(c *gin.Context) {
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		s.Set("n", 1)
		respond(c)
	})
	return e
}

func post(e *gin.Engine) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	return w
}

// TestFailedCommit: however a handler responds, a failed commit is a 503, whatever the error
// handler does.
func TestFailedCommit(t *testing.T) {
	t.Parallel()
	const text = "Service Unavailable. Your changes may not have been saved. Check before you try again.\n"
	handlers := map[string]struct {
		handle func(*gin.Context, error)
		text   string
	}{
		"none":          {nil, text},
		"with a text":   {func(c *gin.Context, _ error) { c.String(http.StatusServiceUnavailable, "page") }, "page"},
		"with a status": {func(c *gin.Context, _ error) { c.Status(http.StatusServiceUnavailable) }, ""},
		"by its status": {func(c *gin.Context, _ error) { c.String(-1, "page") }, "page"},
		"by aborting":   {func(c *gin.Context, _ error) { c.AbortWithStatus(http.StatusServiceUnavailable) }, ""},
		"not at all":    {func(*gin.Context, error) {}, ""},
	}
	for name, respond := range map[string]gin.HandlerFunc{
		"JSON":     func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"saved": "yes"}) },
		"a string": func(c *gin.Context) { c.String(http.StatusCreated, "saved") },
		"a write":  func(c *gin.Context) { _, _ = c.Writer.WriteString("saved") },
		"a status": func(c *gin.Context) { c.Status(http.StatusNoContent) },
		"now":      func(c *gin.Context) { c.Status(http.StatusNoContent); c.Writer.WriteHeaderNow() },
		"a flush":  func(c *gin.Context) { c.Writer.Flush() },
		"an abort": func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) },
		"nothing":  func(*gin.Context) {},
	} {
		for handler, h := range handlers {
			w := post(saveWith(respond, sessiongin.MiddlewareWithConfig(newBroken(t), sessiongin.Config{ErrorHandler: h.handle})))
			if w.Code != http.StatusServiceUnavailable || w.Body.String() != h.text {
				t.Errorf("%s, error handler %s: got status %d and %q; want 503 and %q", name, handler, w.Code, w.Body, h.text)
			}
		}
	}
}

// TestErrorIsSeenOutside: middleware outside finds the error of the commit in c.Errors, and
// can't add to the response.
func TestErrorIsSeenOutside(t *testing.T) {
	t.Parallel()
	var seen []*gin.Error
	w := post(saveWith(func(c *gin.Context) { c.String(http.StatusOK, "saved") }, func(c *gin.Context) {
		c.Next()
		seen = c.Errors
		c.JSON(http.StatusInternalServerError, gin.H{"error": c.Errors.String()})
		_, _ = c.Writer.Write([]byte("more"))
	}, sessiongin.Middleware(newBroken(t))))
	var se *session.StoreError
	if len(seen) != 1 || !errors.As(seen[0].Err, &se) {
		t.Errorf("the middleware outside got %v; want one StoreError", seen)
	}
	if got, want := w.Body.String(), "Service Unavailable. Your changes may not have been saved. Check before you try again.\n"; w.Code != http.StatusServiceUnavailable || got != want {
		t.Errorf("got status %d and %q; want 503 and %q", w.Code, got, want)
	}
}

// TestStatusOutside: middleware outside may still decide on the status and the header of a
// response that has not begun.
func TestStatusOutside(t *testing.T) {
	t.Parallel()
	m := newManager()
	w := post(saveWith(func(*gin.Context) {}, func(c *gin.Context) {
		c.Next()
		c.Header("X-Outside", "yes")
		c.String(http.StatusAccepted, "outside")
	}, sessiongin.Middleware(m)))
	if w.Code != http.StatusAccepted || w.Body.String() != "outside" || w.Header().Get("X-Outside") != "yes" || w.Header().Get("Set-Cookie") == "" {
		t.Errorf("got status %d, %q and %v; want 202, a cookie and the header", w.Code, w.Body, w.Header())
	}
}

// TestChangesAfterStatus: c.Status and c.Redirect only note what to send, so changes after them
// are not late.
func TestChangesAfterStatus(t *testing.T) {
	t.Parallel()
	m := newManager()
	e := gin.New()
	e.Use(sessiongin.Middleware(m))
	e.POST("/", func(c *gin.Context) {
		c.Status(http.StatusCreated)
		s, err := sessiongin.From(c)
		if err != nil {
			sessiongin.Error(c, err)
			return
		}
		s.Login("ada")
		c.Writer.WriteHeaderNow()
	})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	if got := sessiontest.Session(t, m, r, w.Result()).Owner(); w.Code != http.StatusCreated || got != "ada" {
		t.Errorf("got status %d and owner %q; want 201 and ada", w.Code, got)
	}
}

// TestSilentRecovery: Recovery does not respond to a panic about a broken connection. Nothing
// is stored nevertheless.
func TestSilentRecovery(t *testing.T) {
	t.Parallel()
	for _, panicked := range []error{http.ErrAbortHandler, syscall.EPIPE, syscall.ECONNRESET} {
		m := newManager()
		recovery := gin.RecoveryWithWriter(io.Discard)
		w := post(saveWith(func(*gin.Context) { panic(panicked) }, sessiongin.Middleware(m), recovery))
		if got := w.Header().Get("Set-Cookie"); got != "" {
			t.Errorf("%v: the changes before the panic are stored: %s", panicked, got)
		}
	}
	w := post(saveWith(func(c *gin.Context) { _ = c.Error(http.ErrAbortHandler) }, sessiongin.Middleware(newManager())))
	if w.Header().Get("Set-Cookie") == "" {
		t.Error("an error that a handler only notes drops its changes")
	}
}

// TestSkipper: From fails for a request that was skipped.
func TestSkipper(t *testing.T) {
	t.Parallel()
	skip := func(*gin.Context) bool { return true }
	w := post(saveWith(func(c *gin.Context) { c.Status(http.StatusNoContent) },
		sessiongin.MiddlewareWithConfig(newBroken(t), sessiongin.Config{Skipper: skip})))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("got status %d; want 500", w.Code)
	}
}
