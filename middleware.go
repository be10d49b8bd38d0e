package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// Handler is the middleware. It gives every request a session that is loaded when
// [From] is called first, and commits it when the response begins. A request
// that never asks costs no store call and gets no header.
//
// It refuses what other sites make a browser do: unsafe methods with a foreign
// origin get a 403 ([ErrCrossOrigin]) from the error handler; see
// [http.CrossOriginProtection] and [Config].TrustedOrigins. GET, HEAD and OPTIONS
// always pass, so they must change nothing.
//
// A panic that reaches Handler commits nothing and goes on up. Wrapping twice in
// the same manager is wrapping once. An [http.TimeoutHandler] belongs inside of
// Handler: around it, a request that has timed out may still commit.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.exchange(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{Context: r.Context(), m: m, came: r, w: w}
		x.entry.take(w.Header())
		r = r.WithContext(x)
		x.r = r
		if err := m.cfg.origins.Check(r); err != nil {
			m.cfg.OnError(x.writer(), r, errors.Join(ErrCrossOrigin, err))
		} else {
			x.serve(next, r)
		}
		x.finish()
	})
}

// serve runs the handler. After a failed commit the error handler has answered, so
// one that aborts because its writes fail, as httputil.ReverseProxy does, must not
// abort that answer as well.
func (x *exchange) serve(next http.Handler, r *http.Request) {
	defer func() {
		v := recover()
		if err, _ := v.(error); v != nil && (!errors.Is(err, http.ErrAbortHandler) || !x.hasFailed()) {
			panic(v)
		}
	}()
	next.ServeHTTP(x.writer(), r)
}

func (x *exchange) hasFailed() bool {
	x.beginning.Lock()
	defer x.beginning.Unlock()
	return x.failed != nil
}

// HandlerFunc is a handler that cannot do without its session: it loads it first,
// answers with the error handler if that fails, and hands it over. Outside of
// [Manager.Handler] it brings the middleware itself.
func (m *Manager) HandlerFunc(h func(w http.ResponseWriter, r *http.Request, s *Session)) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.From(r.Context())
		if err != nil {
			m.cfg.OnError(w, r, err)
			return
		}
		h(w, r, s)
	}))
}

type (
	anyKey struct{}             // the innermost session of a context
	ownKey struct{ m *Manager } // a manager's own
)

// From returns the session of a request, and loads it on the first call; the
// result of that, error included, stays for the request. The error is
// [ErrNoSession] outside of the middleware, [ErrClosed], or a [*StoreError]: hand
// it to [Error]. With several managers around, it is the innermost one's session.
func From(ctx context.Context) (*Session, error) { return from(ctx.Value(anyKey{})) }

// From is [From] for an application with several managers.
func (m *Manager) From(ctx context.Context) (*Session, error) { return from(ctx.Value(ownKey{m})) }

func from(v any) (*Session, error) {
	switch v := v.(type) {
	case *exchange:
		return v.session()
	case *Session:
		if v != nil {
			return v, nil
		}
	}
	return nil, ErrNoSession
}

// NewContext returns a context in which From finds the session, for transports
// other than the middleware.
func NewContext(ctx context.Context, s *Session) context.Context {
	return &sessionContext{Context: ctx, s: s}
}

type sessionContext struct {
	context.Context
	opaque
	s *Session
}

// opaque keeps a token out of a log to which somebody prints a context.
type opaque struct{}

func (opaque) Format(f fmt.State, _ rune) { io.WriteString(f, "context of a session") }

func (c *sessionContext) Value(key any) any {
	switch k := key.(type) {
	case anyKey:
		return c.s
	case ownKey:
		if c.s != nil && k.m == c.s.m {
			return c.s
		}
	}
	return c.Context.Value(key)
}

func (m *Manager) exchange(ctx context.Context) *exchange {
	x, _ := ctx.Value(ownKey{m}).(*exchange)
	return x
}

// Error answers a request that failed with err, by the error handler of its
// manager, or by [DefaultError] outside of the middleware. What the request has
// changed in its session, and has not committed, is dropped.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	switch v := r.Context().Value(anyKey{}).(type) {
	case *exchange:
		if s, _ := v.loaded(); s != nil {
			s.Rollback()
		}
		v.m.cfg.OnError(w, r, err)
	case *Session:
		v.Rollback()
		v.m.cfg.OnError(w, r, err)
	default:
		DefaultError(w, r, err)
	}
}

// DefaultError is the default of [Config].OnError. It answers in plain text
//
//   - 403 to a cross-origin write,
//   - 404 if what [Manager.Show] looked for is not there,
//   - 409 if the session has ended meanwhile, or if another request took what
//     [Take] took,
//   - 503 with Retry-After if the store is down, full or too contended,
//   - 500 to everything else, which is a mistake of the program.
//
// It sends no detail and no cookie, so the client keeps the one it has.
func DefaultError(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusInternalServerError
	var store *StoreError
	switch {
	case errors.Is(err, ErrCrossOrigin):
		status = http.StatusForbidden
	case errors.Is(err, ErrEnded), errors.Is(err, errTaken):
		status = http.StatusConflict
	case errors.As(err, &store), errors.Is(err, ErrConflict), errors.Is(err, ErrClosed):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	}
	text := http.StatusText(status) + "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text))) // whole even if the handler aborts
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that has gone needs no answer
}

// An exchange is one request on its way through the middleware. It is the
// request's context as well, which saves an allocation.
type exchange struct {
	context.Context
	opaque
	m     *Manager
	r     *http.Request
	came  *http.Request // r as it came, without this context
	w     http.ResponseWriter
	entry headers

	loading sync.Mutex
	s       *Session
	err     error // of the load
	asked   bool

	beginning sync.Mutex  // held during the commit, so that nothing overtakes it
	begun     atomic.Bool // the final header is out, or about to be
	failed    error       // of the commit: the error handler has answered
	uses      usage       // which flash messages the response uses up
}

func (x *exchange) Value(key any) any {
	switch k := key.(type) {
	case anyKey:
		return x
	case ownKey:
		if k.m == x.m {
			return x
		}
	}
	return x.Context.Value(key)
}

// session loads the session on the first call.
func (x *exchange) session() (*Session, error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	if x.asked {
		return x.s, x.err
	}
	x.asked = true
	if x.m.closed.Load() {
		x.err = ErrClosed
		return nil, x.err
	}
	value, found, unique := readCookie(x.r.Header, x.m.cfg.cookieName)
	if found && (!unique || value == "") {
		x.m.event(x.Context, Event{Kind: EventBadCookie}) // not x: its session is locked
		value = ""
	}
	var c deadlineContext
	c.init(x.Context, x.m.cfg.StoreTimeout)
	defer c.release()
	if x.s, x.err = x.m.load(&c, Token(value)); x.err == nil {
		x.s.request = x.came // not x.r: Config.Client is called while the session is locked
		x.s.sealed = x.begun.Load()
	}
	return x.s, x.err
}

// loaded returns the session if there is one, and whether it was asked for.
func (x *exchange) loaded() (s *Session, asked bool) {
	x.loading.Lock()
	defer x.loading.Unlock()
	return x.s, x.asked
}

// begin commits before the response's final header. If that fails, the headers go
// back to what they were, and the error handler answers in the handler's place.
func (x *exchange) begin(status int) error {
	x.beginning.Lock()
	defer x.beginning.Unlock()
	if x.begun.Swap(true) {
		return x.failed
	}
	s, asked := x.loaded()
	if !asked {
		return nil
	}
	if s == nil {
		varyOnCookie(x.w.Header())
		return nil
	}
	if s.hasShown() {
		x.uses = usageOf(x.r, status)
	}
	cookie, err := x.commit(s)
	s.seal()
	varyOnCookie(x.w.Header())
	if err == nil && cookie != nil {
		setCookie(x.w.Header(), cookie)
	}
	return err
}

// commit is the commit before the response. If it fails, or if an Update function
// panics in it, the error handler answers at once: whatever the handler, or
// somebody who recovers, writes later is refused.
func (x *exchange) commit(s *Session) (cookie *http.Cookie, err error) {
	x.failed = errFunction
	defer func() {
		if x.failed == nil {
			return
		}
		x.entry.restore(x.w.Header())
		varyOnCookie(x.w.Header())
		if !errors.Is(x.failed, ErrEnded) {
			x.m.cfg.Logger.LogAttrs(x, slog.LevelError, "session: commit failed", slog.Any("error", x.failed))
		}
		t := tracker{ResponseWriter: x.w}
		x.m.cfg.OnError(&t, x.r, x.failed)
		if !t.wrote { // silence would be a 200
			DefaultError(x.w, x.r, x.failed)
		}
		// A proxy aborts the connection when its write fails; the answer must be out
		// by then.
		http.NewResponseController(x.w).Flush()
	}()
	cookie, x.failed = x.m.commit(x, s, x.uses)
	return cookie, x.failed
}

// A tracker notes whether an error handler has answered.
type tracker struct {
	http.ResponseWriter
	wrote bool
}

// Unwrap is for [http.ResponseController].
func (t *tracker) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *tracker) WriteHeader(status int) {
	t.wrote = t.wrote || status >= 200
	t.ResponseWriter.WriteHeader(status)
}

func (t *tracker) Write(b []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(b)
}

// finish ends the exchange when the handler has returned: a response that did not
// begin does so now, and what was changed after the beginning is committed.
func (x *exchange) finish() {
	_ = x.begin(http.StatusOK) // has answered by itself
	x.beginning.Lock()
	defer x.beginning.Unlock()
	s, _ := x.loaded()
	if s == nil {
		return
	}
	defer s.end()
	if x.failed != nil {
		return
	}
	uses := usesNone
	if x.uses == usesRead { // what a script's request has read while it was answered
		uses = usesRead
	}
	if _, err := x.m.commit(x, s, uses); err != nil {
		x.m.cfg.Logger.LogAttrs(x, slog.LevelError, "session: changes after the response began were lost; make them before the first write", slog.Any("error", err))
		x.m.event(x, Event{Kind: EventLate, Err: err})
	}
}

// seal marks that the client can be told nothing more.
func (s *Session) seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
}

// end marks that the request is over.
func (s *Session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// headers remembers what the response headers were, without copying values: they
// are replaced, not written in place.
type headers []header

type header struct {
	name   string
	values []string
}

func (h *headers) take(from http.Header) {
	if len(from) == 0 {
		return
	}
	*h = make(headers, 0, len(from))
	for name, values := range from {
		*h = append(*h, header{name, values[:len(values):len(values)]})
	}
}

func (h headers) restore(to http.Header) {
	clear(to)
	for _, e := range h {
		to[e.name] = e.values
	}
}
