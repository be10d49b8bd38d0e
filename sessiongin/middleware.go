package sessiongin

import (
	"errors"
	"net/http"
	"slices"
	"syscall"

	"github.com/gin-gonic/gin"

	"github.com/expanse-go/session"
)

// A Config configures the middleware. The zero value is ready to use.
type Config struct {
	// Skipper returns true for requests that need no session and no protection against
	// cross-origin requests. [From] then returns an error. Requests that don't call From cost
	// nothing, so skip them only for other reasons. Defaults to none.
	Skipper func(c *gin.Context) bool

	// ErrorHandler responds to a request whose session could not be loaded (see [Error]) or
	// committed, or that is refused as cross-origin. No byte of another response has been
	// sent by then. The status has been set to that of [session.ErrorStatus], so -1 keeps it:
	//
	//	func(c *gin.Context, err error) {
	//		_, advice := session.ErrorStatus(err)
	//		c.JSON(-1, gin.H{"error": advice})
	//	}
	//
	// Defaults to [session.Config].OnError of the manager.
	ErrorHandler func(c *gin.Context, err error)
}

// Middleware returns a middleware that gives each request a session of the manager.
func Middleware(m *session.Manager) gin.HandlerFunc { return MiddlewareWithConfig(m, Config{}) }

// MiddlewareWithConfig is Middleware with a configuration.
func MiddlewareWithConfig(m *session.Manager, cfg Config) gin.HandlerFunc {
	return func(c *gin.Context) {
		if cfg.Skipper != nil && cfg.Skipper(c) {
			return
		}
		below := c.Writer
		defer func() {
			if _, complete := c.Writer.(*refusing); !complete {
				c.Writer = below
			}
		}()
		var recovered error
		err := m.Serve(below, c.Request, cfg.onError(c, below), func(w http.ResponseWriter, r *http.Request) (int, error) {
			c.Request, c.Writer = r, &writer{below, w}
			c.Next()
			recovered = recoveredSilently(c, below)
			return below.Status(), recovered
		})
		if err != nil && recovered == nil {
			note(c, err)
			c.Abort()
			c.Writer = &refusing{below, err}
		}
	}
}

// onError returns the function that responds to a failed commit and to a cross-origin request,
// or nil for that of the manager.
func (cfg *Config) onError(c *gin.Context, below gin.ResponseWriter) func(http.ResponseWriter, *http.Request, error) {
	if cfg.ErrorHandler == nil {
		return nil
	}
	return func(w http.ResponseWriter, _ *http.Request, err error) {
		handlers := c.Writer
		defer func() { c.Writer = handlers }()
		own, ok := w.(gin.ResponseWriter) // from Error
		if !ok {
			own = &writer{below, w}
		}
		c.Writer = own
		c.Abort()
		status, _ := session.ErrorStatus(err)
		c.Status(status) // instead of the handler's
		cfg.ErrorHandler(c, err)
		own.WriteHeaderNow()
	}
}

// recoveredSilently returns the panic that Recovery has recovered from, if it has not
// responded to it. It does so if the connection is broken, and if the handler has panicked with
// [http.ErrAbortHandler].
func recoveredSilently(c *gin.Context, below gin.ResponseWriter) error {
	last := c.Errors.Last()
	if last == nil || below.Written() || !c.IsAborted() {
		return nil
	}
	for _, silent := range []error{http.ErrAbortHandler, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(last.Err, silent) {
			return last.Err
		}
	}
	return nil
}

// note adds an error to c.Errors, unless Gin has done so when a write returned it.
func note(c *gin.Context, err error) {
	if !slices.ContainsFunc(c.Errors, func(e *gin.Error) bool { return errors.Is(e, err) }) {
		_ = c.Error(err)
	}
}

// From returns the session of a request. The first call loads it. Pass the error to [Error]:
// it is a [*session.StoreError] if the store has failed, and [session.ErrNoSession] if the
// middleware is missing or has skipped the request. Call From before the first write; see
// [session.From].
func From(c *gin.Context) (*session.Session, error) { return session.From(c.Request.Context()) }

// Error responds to a request that has failed with err, and adds err to c.Errors. It drops the
// changes of the session that are not committed yet, aborts the chain, and calls the
// ErrorHandler of the middleware, or [session.Error] outside the middleware. The response is
// then complete: later writes fail, such as those of middleware that renders c.Errors.
func Error(c *gin.Context, err error) {
	note(c, err)
	c.Abort()
	session.Error(c.Writer, c.Request, err)
	c.Writer = &refusing{c.Writer, err}
}
