package sessionecho

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
)

// A Config configures the middleware. The zero value is ready to use.
type Config struct {
	// Skipper returns true for requests that need no session and no protection against
	// cross-origin requests. [From] then returns an error. Requests that don't call From cost
	// nothing, so skip them only for other reasons. Defaults to none.
	Skipper middleware.Skipper

	// ErrorHandler responds if the commit fails or if the request is refused as cross-origin.
	// No byte of another response has been sent by then. The error is an [echo.HTTPError].
	// Defaults to Echo's HTTPErrorHandler. The handler returns the errors of [From], so they
	// always go to the HTTPErrorHandler.
	ErrorHandler echo.HTTPErrorHandler
}

// Middleware returns a middleware that gives each request a session of the manager.
func Middleware(m *session.Manager) echo.MiddlewareFunc { return MiddlewareWithConfig(m, Config{}) }

// MiddlewareWithConfig is Middleware with a configuration.
func MiddlewareWithConfig(m *session.Manager, cfg Config) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if cfg.Skipper != nil && cfg.Skipper(c) {
				return next(c)
			}
			x := exchange{c: c, cfg: &cfg, below: c.Response()}
			x.after = x.below
			defer func() { c.SetResponse(x.after) }()
			err := m.Serve(x.below, c.Request(), x.respond, func(w http.ResponseWriter, r *http.Request) (int, error) {
				c.SetRequest(r)
				c.SetResponse(w)
				x.err = next(c)
				return x.outcome()
			})
			if x.refused != nil { // the response is complete, but the middleware above may log the error
				x.after = x.refused
				return cmp.Or(Error(err), x.err)
			}
			return x.err
		}
	}
}

// From returns the session of a request. The first call loads it. Return the error from the
// handler: it is an [echo.HTTPError] with status 503 if the store has failed, and 500 if the
// middleware is missing or has skipped the request. Call From before the first write; see
// [session.From].
func From(c *echo.Context) (*session.Session, error) {
	s, err := session.From(c.Request().Context())
	if err != nil {
		return nil, Error(err)
	}
	return s, nil
}

// Error returns an error of package session as an [echo.HTTPError] that wraps it. Its status
// and message are those of [session.ErrorStatus]. Handlers need it for the errors of methods
// that they call themselves, such as [session.Manager.Revoke]. It returns nil, and errors
// that already have a status, unchanged.
func Error(err error) error {
	if err == nil || echo.StatusCode(err) != 0 {
		return err
	}
	status, advice := session.ErrorStatus(err)
	return echo.NewHTTPError(status, advice).Wrap(err)
}

// An exchange is one request on its way through the middleware.
type exchange struct {
	c       *echo.Context
	cfg     *Config
	below   http.ResponseWriter
	after   http.ResponseWriter // the writer of the middleware above
	err     error               // of the handler
	refused *refusing           // the error handler has responded
}

// outcome returns the status of the response if the handler has not begun it, and an error if
// nothing may be committed.
func (x *exchange) outcome() (int, error) {
	if panicked := (*middleware.PanicStackError)(nil); errors.As(x.err, &panicked) {
		return http.StatusInternalServerError, x.err
	}
	response, status := echo.ResolveResponseStatus(x.below, x.err)
	if status >= http.StatusInternalServerError && x.err != nil && (response == nil || !response.Committed) {
		return status, x.err
	}
	return status, nil
}

// respond calls the error handler. It may be called while the handler is in c.JSON, whose
// writer belongs to the context: a c.JSON of the error handler would reuse it, and the
// handler would then write to the writer of the error handler. That writer refuses it.
func (x *exchange) respond(w http.ResponseWriter, _ *http.Request, err error) {
	x.refused = &refusing{ResponseWriter: w}
	handlers := x.c.Response()
	x.c.SetResponse(x.refused)
	defer func() {
		x.refused.err = err
		x.c.SetResponse(handlers)
	}()
	if x.cfg.ErrorHandler != nil {
		x.cfg.ErrorHandler(x.c, Error(err))
		return
	}
	x.c.Echo().HTTPErrorHandler(x.c, Error(err))
}

// A refusing writer refuses all writes as soon as it has an error.
type refusing struct {
	http.ResponseWriter
	err error
}

// Unwrap is for [http.ResponseController] and [echo.UnwrapResponse].
func (w *refusing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *refusing) WriteHeader(status int) {
	if w.err == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *refusing) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	return w.ResponseWriter.Write(b)
}
