package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
)

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
	passive bool // see Peek

	beginning sync.Mutex  // held during the commit, so that nothing overtakes it
	begun     atomic.Bool // the final header is about to go out
	committed atomic.Bool // and failed is known
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
	if x.s, x.err = x.m.load(x.Context, Token(value)); x.err == nil {
		x.s.request = x.came // not x.r: Config.Client is called while the session is locked
		x.s.sealed = x.begun.Load()
		x.s.passive = x.passive
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
	if x.committed.Load() {
		return x.failed
	}
	x.beginning.Lock()
	defer x.beginning.Unlock()
	if x.begun.Swap(true) {
		return x.failed
	}
	defer x.committed.Store(true)
	s, asked := x.loaded()
	if !asked {
		return nil
	}
	if s == nil || s.settled() {
		varyOnCookie(x.w.Header())
		return nil
	}
	if s.hasShown() {
		x.uses = s.uses(usageOf(x.r, status))
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

func (x *exchange) hasFailed() bool {
	x.beginning.Lock()
	defer x.beginning.Unlock()
	return x.failed != nil
}

// finish ends the exchange when the handler has returned: a response that did not
// begin does so now, and what was changed after the beginning is committed.
func (x *exchange) finish() {
	_ = x.begin(http.StatusOK) // has answered by itself
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
