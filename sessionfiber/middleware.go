package sessionfiber

import (
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"

	"github.com/expanse-go/session"
)

// Config is the optional configuration of [New].
type Config struct {
	// Next skips the middleware for a request if it returns true. [From] then returns an error,
	// and cross-origin requests are not refused. Requests that don't call From cause no store
	// call, so skip them only for other reasons. Default: nil.
	Next func(c fiber.Ctx) bool
}

// New returns a middleware that gives each request a session of the manager.
func New(m *session.Manager, config ...Config) fiber.Handler {
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	return func(c fiber.Ctx) error {
		if cfg.Next != nil && cfg.Next(c) {
			return c.Next()
		}
		x := &exchange{c: c, header: http.Header{}, outer: exchangeOf(c)}
		x.writer = x
		c.Response().Header.CopyTo(&x.entry)
		x.readHeaders()
		returned := false
		defer func() {
			if !returned && !c.IsAbandoned() {
				x.writeHeaders()
			}
		}()
		_ = m.Serve(x, convert(c), x.refuse, x.handle) // x has both errors
		returned = true
		return x.end()
	}
}

// From returns the session of a request. The first call loads it. Return the error from the
// handler: it is a [*fiber.Error] with status 503 if the store has failed, and 500 if the
// middleware is missing or has skipped the request.
func From(c fiber.Ctx) (*session.Session, error) {
	s, err := session.From(c.Context())
	if err != nil {
		return nil, Error(err)
	}
	return s, nil
}

// Commit commits the session before the handler has returned. If it fails, return the error,
// which is a [*fiber.Error] like that of [From]. It then responds in place of the handler. Later
// changes of the session are stored when the handler returns, except for those that need a new
// cookie. They fail with [session.ErrCommitted].
//
// Set the status and the headers of the response before the call. Call Commit before
// c.SendStreamWriter if the function of the stream uses the session: fasthttp calls it at once,
// on a goroutine of its own. Also call it before a response that Fiber doesn't send itself, such
// as that of c.End. Without Commit, such a response has no cookie, and is a success even if the
// commit fails.
func Commit(c fiber.Ctx) error {
	x := exchangeOf(c)
	switch {
	case x == nil:
		return Error(session.ErrNoSession)
	case c.IsAbandoned(): // a timeout has responded
		return fiber.ErrRequestTimeout
	}
	for ; x != nil; x = x.outer {
		x.readHeaders()
		x.writer.WriteHeader(c.Response().StatusCode())
		if x.refused != nil {
			return Error(x.refused)
		}
		x.writeHeaders()
	}
	return nil
}

// An exchange is one request on its way through the middleware. It is the response writer of
// the manager, which needs only its headers: fiber sends the response.
type exchange struct {
	c       fiber.Ctx
	entry   fasthttp.ResponseHeader // of the response, as the middleware has found it
	header  http.Header             // those that a commit looks at
	writer  http.ResponseWriter     // commits
	outer   *exchange               // of another manager, or of the same one
	err     error                   // of the handlers
	refused error                   // why the handlers may not respond
}

type key struct{} // of the innermost exchange among the locals

func exchangeOf(c fiber.Ctx) *exchange {
	x, _ := c.Locals(key{}).(*exchange)
	return x
}

// Header implements [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.header }

// Write implements [http.ResponseWriter].
func (x *exchange) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(int) {}

// handle runs the handlers. It returns an error if nothing may be committed.
func (x *exchange) handle(w http.ResponseWriter, r *http.Request) (int, error) {
	x.writer = w
	x.c.Locals(key{}, x)
	x.c.SetContext(r.Context())
	x.err = x.c.Next()
	if x.c.IsAbandoned() {
		// A timeout has responded. The handler may still be writing to the response.
		return fiber.StatusRequestTimeout, fiber.ErrRequestTimeout
	}
	x.readHeaders()
	if x.err == nil {
		return x.c.Response().StatusCode(), nil
	}
	status := fiber.StatusInternalServerError
	var e *fiber.Error
	if errors.As(x.err, &e) {
		status = e.Code
	}
	if status >= fiber.StatusInternalServerError {
		return status, x.err
	}
	return status, nil
}

// refuse is the error handler of the manager.
func (x *exchange) refuse(w http.ResponseWriter, _ *http.Request, err error) {
	x.refused = err
	w.WriteHeader(fiber.StatusInternalServerError) // of no effect, but it shows that there is a response
}

// end returns what the middleware returns. If the handlers may not respond, it removes what
// they have responded.
func (x *exchange) end() error {
	response := x.c.Response()
	switch {
	case x.c.IsAbandoned():
		return x.err
	case x.refused == nil:
		x.writeHeaders()
		retryLater(response, x.err)
		return x.err
	}
	x.c.RequestCtx().Hijack(nil) // no upgrade
	response.Reset()
	x.entry.CopyTo(&response.Header)
	x.writeHeaders()
	err := Error(x.refused)
	retryLater(response, err)
	return err
}
