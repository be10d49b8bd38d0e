package session

import (
	"cmp"
	"context"
	"errors"
	"net/http"
)

// Handler is the middleware. It gives every request a session, which is loaded by the
// first call of [From] and committed when the response begins. A request that never asks
// for its session causes no store call and gets no header.
//
// Handler refuses requests that other sites make a browser send: an unsafe method with a
// foreign origin gets a 403 ([ErrCrossOrigin]) from the error handler, and causes an
// [EventCrossOrigin]; see [http.CrossOriginProtection] and [Config].TrustedOrigins. For
// browsers that send no Sec-Fetch-Site, the scheme of the origin counts as well as its host,
// unless [CookieConfig].DangerouslyAllowHTTP leaves open which scheme the site uses. GET, HEAD
// and OPTIONS always pass, so they must not change state. So do requests with a token or a key
// in a header; see [Config].Transport.
//
// If a panic leaves Handler or [Manager.HandlerFunc], nothing is committed, and the panic
// continues. If middleware inside Handler recovers from the panic, nothing is committed
// either, provided that the deferred function that recovers also starts a 5xx response. A
// recoverer that responds later, into a buffer, or with another status must be outside
// Handler or call [Error]; otherwise its response commits what the handler had changed.
//
// Put an [http.TimeoutHandler] or similar middleware inside Handler: when it responds for a
// handler that is still running, none of the request's changes are committed, and later
// changes fail. Handler recognizes this by the context that was passed to [From]: it has
// reached a deadline that the request does not have. If the middleware is outside, a
// request that has timed out may still commit.
//
// If you wrap a handler twice in the same manager, the only effect of the inner wrapper is
// that it notices panics that leave it.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x := m.exchange(r.Context()); x != nil {
			x.guard(next, w, r)
			return
		}
		x := m.newExchange(w, r, m.cfg.OnError)
		handle := next
		if err := x.refusal(); err != nil {
			handle = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.onError(w, r, err) })
		}
		x.serve(handle, x.r)
		x.finish(http.StatusOK)
	})
}

// Serve serves one request like [Manager.Handler]. It is for adapters of web frameworks whose
// handlers return errors, and set a status before it is sent.
//
// Serve calls next with a writer that commits, and with a request in whose context [From]
// finds the session. If next has not begun the response, the framework does so after Serve has
// returned, and Serve commits the session before. Next returns the status of that response,
// which matters for flash messages; 0 counts as 200. If next returns an error, the changes
// that are not committed yet are dropped, and Serve returns the error. The framework then
// responds to it.
//
// If the request is refused as cross-origin, or if the commit fails, onError responds at once,
// and Serve returns the error. The writer then refuses what the handler writes. Next is not
// called for a cross-origin request. From returns load failures. OnError is called instead of
// [Config].OnError, also by [Error]; if it is nil, Config.OnError is called.
func (m *Manager) Serve(w http.ResponseWriter, r *http.Request, onError func(http.ResponseWriter, *http.Request, error), next func(http.ResponseWriter, *http.Request) (status int, err error)) error {
	var status int
	var err error
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { status, err = next(w, r) })
	x := m.exchange(r.Context())
	if x != nil { // the handler around this one finishes the exchange
		x.guard(handler, w, r)
		if err != nil {
			x.rollback()
		}
		return cmp.Or(x.failure(), err)
	}
	if onError == nil {
		onError = m.cfg.OnError
	}
	x = m.newExchange(w, r, onError)
	if refusal := x.refusal(); refusal != nil {
		handler = func(w http.ResponseWriter, r *http.Request) {
			onError(w, r, refusal)
			err = refusal
		}
	}
	x.serve(handler, x.r)
	if err != nil {
		x.rollback()
	}
	x.finish(cmp.Or(status, http.StatusOK))
	return cmp.Or(x.failure(), err)
}

func (m *Manager) newExchange(w http.ResponseWriter, r *http.Request, onError func(http.ResponseWriter, *http.Request, error)) *exchange {
	x := &exchange{Context: r.Context(), m: m, came: r, w: w, onError: onError, header: m.cfg.Transport.read(r.Header)}
	x.entry.take(w.Header())
	x.r = r.WithContext(x)
	return x
}

// failure returns the error with which the error handler has answered in the handler's
// place, or nil. It waits for a commit that is under way.
func (x *exchange) failure() error {
	x.committing.Lock()
	defer x.committing.Unlock()
	return x.failed
}

// rollback drops the changes that are not committed yet.
func (x *exchange) rollback() {
	if s, _ := x.loaded(); s != nil {
		s.Rollback()
	}
}

// refusal returns the error of a request that is refused as cross-origin, or nil.
func (x *exchange) refusal() error { return x.m.checkOrigin(x.r, x.header) }

// checkOrigin refuses an unsafe request of another origin, unless its credentials are in a
// header, which no browser adds by itself.
func (m *Manager) checkOrigin(r *http.Request, header *presented) error {
	if !m.cfg.crossOrigin(r) || header != nil || m.cfg.keyed(r) {
		return nil
	}
	return m.refuseOrigin(r)
}

// serve runs the handler. After a failed commit the error handler has answered, so
// one that panics because its writes fail, as httputil.ReverseProxy and Huma do, must not
// abort that answer as well.
func (x *exchange) serve(next http.Handler, r *http.Request) {
	returned := false
	defer func() {
		x.handBackForm()
		if returned {
			return
		}
		x.unwound()
		v := recover()
		err, _ := v.(error)
		failed := x.failure()
		if v != nil && (failed == nil || !errors.Is(err, http.ErrAbortHandler) && !errors.Is(err, failed)) {
			panic(v)
		}
	}()
	next.ServeHTTP(x.writer(), r)
	returned = true
}

// handBackForm gives a form that the handler has parsed to the request as it arrived: net/http
// removes the temporary files of that request only, and x.r is a copy of it.
func (x *exchange) handBackForm() {
	if form := x.r.MultipartForm; form != nil {
		x.loading.Lock() // Config.TakeOver gets a copy of the request
		defer x.loading.Unlock()
		x.came.MultipartForm = form
	}
}

// guard runs a handler that is wrapped again, and notices if it does not return.
func (x *exchange) guard(next http.Handler, w http.ResponseWriter, r *http.Request) {
	returned := false
	defer func() {
		if !returned {
			x.unwound()
		}
	}()
	next.ServeHTTP(w, r)
	returned = true
}

// HandlerFunc returns a handler that loads the session and passes it to h. If the load
// fails, [Config].OnError responds. Outside [Manager.Handler], the handler adds the
// middleware itself.
func (m *Manager) HandlerFunc(h func(w http.ResponseWriter, r *http.Request, s *Session)) http.HandlerFunc {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.From(r.Context())
		if err != nil {
			m.fail(w, r, err)
			return
		}
		h(w, r, s)
	})).ServeHTTP
}

// inside returns a handler that runs in the middleware of the manager, or in the context of a
// session from another transport ([NewContext]).
func (m *Manager) inside(h http.HandlerFunc) http.Handler {
	handler := m.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Value(ownKey{m}).(*Session); ok {
			h(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// From returns the session of a request. The first call loads it; later calls return the
// same session or the same error. The error is [ErrNoSession] outside the middleware,
// [ErrClosed], or a [*StoreError]; pass it to [Error]. If the handlers of several managers
// are nested, From returns the session of the innermost manager.
//
// Call From before the first write; otherwise the response lacks Vary: Cookie, and a cache
// may serve it to other visitors. Pass the context of the request. If the context has an
// earlier deadline than the request, as inside an [http.TimeoutHandler], and the response
// begins after that deadline, nothing is stored.
func From(ctx context.Context) (*Session, error) { return from(ctx, ctx.Value(anyKey{})) }

// From is like the function [From], but returns the session of m even if the handlers of
// other managers are nested inside.
func (m *Manager) From(ctx context.Context) (*Session, error) {
	return from(ctx, ctx.Value(ownKey{m}))
}

func from(ctx context.Context, v any) (*Session, error) {
	switch v := v.(type) {
	case *exchange:
		return v.session(ctx)
	case *Session:
		return v, nil
	}
	return nil, ErrNoSession
}

func (m *Manager) exchange(ctx context.Context) *exchange {
	x, _ := ctx.Value(ownKey{m}).(*exchange)
	return x
}

// fail responds to a request whose session this package cannot load or use.
func (m *Manager) fail(w http.ResponseWriter, r *http.Request, err error) {
	if x := m.exchange(r.Context()); x != nil {
		x.onError(w, r, err)
		return
	}
	m.cfg.OnError(w, r, err)
}

// Error responds to a request that has failed with err. It calls [Config].OnError of the
// manager, or [DefaultError] outside the middleware. It drops the changes of the session
// that are not committed yet.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	switch v := r.Context().Value(anyKey{}).(type) {
	case *exchange:
		v.rollback()
		v.onError(w, r, err)
	case *Session:
		v.Rollback()
		v.m.cfg.OnError(w, r, err)
	default:
		DefaultError(w, r, err)
	}
}
