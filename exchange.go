package session

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// An exchange is one request on its way through the middleware. It is the request's
// context as well, which saves an allocation.
type exchange struct {
	context.Context
	opaque
	m     *Manager
	r     *http.Request
	came  *http.Request // r as it arrived, without this context
	w     http.ResponseWriter
	entry headers // that the response had on arrival, or has from the error handler

	onError func(http.ResponseWriter, *http.Request, error)

	loading  sync.Mutex // guards the fields up to the blank line
	s        *Session
	err      error             // of the load
	limits   []context.Context // with which From was called, if they end before the request
	rivals   []*Session        // of the other cookies; see choose
	asked    bool              // for the session
	passive  bool              // see Session.IgnoreActivity
	handed   bool              // the session was taken over, and the client needs its cookie
	finished bool              // the handler has returned

	below  offer      // of w
	header *presented // what the token header contained when the request arrived; nil: it had none

	committing sync.Mutex // held during the commit, so that nothing overtakes it
	failed     error      // of the commit; set before state, as are the next two
	upgraded   bool       // the response is a 101
	uses       usage      // which flash messages the response uses up
	state      atomic.Int32
	panicked   atomic.Bool // or ended its goroutine
}

// The states of an exchange.
//
//	waiting ──the response begins──▶ begun ──commit──▶ answered, refused
//	   │                               │                  │
//	   └───────────── the handler panics, or its time is over ────────────▶ dropped
const (
	waiting  = iota
	begun    // the final header is about to go out
	answered // the commit has succeeded: the handler's response goes out
	refused  // the commit has failed: the error handler has answered
	dropped  // nothing is committed: another handler or middleware writes the response
)

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

// session loads the session on the first call. The caller's context is ctx.
func (x *exchange) session(ctx context.Context) (*Session, error) {
	x.loading.Lock()
	defer x.loading.Unlock()
	x.limitBy(ctx)
	if x.asked {
		return x.s, x.err
	}
	x.asked, x.err = true, errLoad // in case the store panics
	if x.m.closed.Load() {
		x.err = ErrClosed
		return nil, x.err
	}
	sc := x.m.cfg.scopeOf(x.came)
	value, found, unique := readCookie(x.r.Header, sc.name)
	switch {
	case x.header != nil || x.m.cfg.Transport.HeaderOnly:
		x.s, x.err = x.m.loadHeader(x.Context, x.header)
	case !unique:
		x.s, x.rivals, x.err = x.m.choose(x.Context, x.came, sc)
	case x.m.takesOver(x.came, Token(value)):
		x.s, x.handed, x.err = x.m.takeOver(x.Context, x.came, sc, Token(value))
	default:
		if found && value == "" {
			x.m.event(x.Context, Event{Kind: EventBadCookie}) // not x: its session is locked
		}
		x.s, x.err = x.m.load(x.Context, Token(value), sc)
	}
	if x.err == nil {
		x.s.request = x.came // not x.r: Config.Client is called while the session is locked
		x.s.routed = x.r
		x.s.passive = x.passive
		x.askedLate()
	}
	return x.s, x.err
}

// limitBy notes a context whose deadline comes before that of the request. One that its maker
// has canceled counts no more: the deadline of another one may still come. The caller holds the
// lock.
func (x *exchange) limitBy(ctx context.Context) {
	end, ok := ctx.Deadline()
	if !ok || !endsAfter(x.Context, end) {
		return
	}
	x.limits = slices.DeleteFunc(x.limits, func(l context.Context) bool { return errors.Is(l.Err(), context.Canceled) })
	if !slices.ContainsFunc(x.limits, func(l context.Context) bool { return l.Done() == ctx.Done() }) {
		x.limits = append(x.limits, ctx)
	}
}

func endsAfter(ctx context.Context, end time.Time) bool {
	d, ok := ctx.Deadline()
	return !ok || d.After(end)
}

// askedLate sets the phase of a session that was loaded after the response began. The
// caller holds the lock.
func (x *exchange) askedLate() {
	switch state := x.state.Load(); {
	case state == waiting:
	case state == dropped:
		x.s.enter(over)
		x.s.ended = errPanicked
	case x.timedOut(http.StatusServiceUnavailable):
		x.s.enter(over)
		x.s.ended = errTimedOut
	case x.finished:
		x.s.enter(over)
	default:
		x.s.enter(sealed)
		if state == answered && !x.upgraded {
			x.m.advise(x.Context, "session: From was called only after the response had begun, so the response lacks Vary: Cookie and a cache may serve it to other visitors; call From before the first write")
		}
	}
}

// timedOut reports whether a middleware responds in place of a handler that is still
// running: a context that was passed to From has reached its deadline, and the request's
// own has not. If the client has disconnected, both contexts have ended. Then the status
// decides: [http.TimeoutHandler] sends a 503. The caller holds the lock.
func (x *exchange) timedOut(status int) bool {
	gone := x.Context.Err() != nil
	return slices.ContainsFunc(x.limits, func(l context.Context) bool {
		if gone {
			return l.Err() != nil && status >= http.StatusInternalServerError
		}
		return errors.Is(l.Err(), context.DeadlineExceeded)
	})
}

// loaded returns the session if there is one, and whether the handler asked for it.
func (x *exchange) loaded() (s *Session, asked bool) {
	x.loading.Lock()
	defer x.loading.Unlock()
	return x.s, x.asked
}

// ignoreActivity marks the session, whether it is loaded already or later.
func (x *exchange) ignoreActivity() {
	x.loading.Lock()
	defer x.loading.Unlock()
	x.passive = true
	if x.s != nil {
		x.s.markPassive()
	}
}

// begin commits before the response's final header. If that fails, it restores the
// headers, and the error handler answers in the handler's place.
func (x *exchange) begin(status int) error { return x.beginWith(status, false) }

// beginHijacked is begin for a connection that the handler takes over. The library cannot
// know whether the handler sends the headers, and with them the cookie.
func (x *exchange) beginHijacked() error { return x.beginWith(http.StatusSwitchingProtocols, true) }

func (x *exchange) beginWith(status int, hijacked bool) error {
	if x.state.Load() > begun {
		return x.failed
	}
	x.committing.Lock()
	defer x.committing.Unlock()
	if !x.state.CompareAndSwap(waiting, begun) {
		return x.failed
	}
	next := int32(answered)
	defer func() {
		if x.failed != nil {
			next = refused
		}
		x.state.Store(next)
	}()
	x.upgraded = status == http.StatusSwitchingProtocols
	x.loading.Lock()
	s, asked, late := x.s, x.asked, x.timedOut(status)
	x.loading.Unlock()
	if !asked {
		return nil
	}
	switch {
	case s == nil:
		varyOn(x.w.Header(), x.m.cfg.varies)
		return nil
	case late:
		next = dropped
		return x.drop(s, status, errTimedOut)
	case status >= http.StatusInternalServerError && panicking():
		next = dropped
		return x.drop(s, status, errPanicked)
	case x.upgraded: // the cookie might not be sent, and a socket keeps the token that it has
		s.keepToken()
	}
	switch {
	case s.settled():
		x.sendHeaders(nil)
		return nil
	case x.below&tells != 0 && passedBy(x.w):
		s.reach(sealed)
		x.uses = usesRead // the status is not known
		x.m.advise(x, "session: the response was written past the middleware, so it has no session cookie; wrap the router instead of using the middleware inside it: manager.Handler(router)")
		return nil
	}
	if s.hasShown() {
		x.uses = s.uses(usageOf(x.r, status))
	}
	cookie, err := x.commit(s)
	s.reach(sealed)
	if err != nil {
		return err
	}
	x.sendHeaders(cookie)
	if hijacked && cookie != nil {
		x.m.advise(x, "session: a new session cookie was set on a hijacked connection; make sure that the upgrade sends the headers: Upgrade(w, r, w.Header())")
	}
	return nil
}

// sendHeaders sets the headers of a successful response.
func (x *exchange) sendHeaders(cookie *http.Cookie) {
	h := x.w.Header()
	varyOn(h, x.m.cfg.varies)
	if cookie == nil && x.handed {
		cookie = x.m.handOver(x.Context, x.s)
	}
	if cookie != nil {
		send(h, x.s.scope, cookie)
		if cookie.Value != "" {
			x.m.inspect(x.Context, x.came, x.s.scope)
		}
	}
	if s := x.s; s != nil && s.unclear {
		x.m.cfg.deleteOthers(h, s.scope, x.came)
		if cookie != nil {
			_ = x.m.endRivals(x, x.rivals) // a failure is logged; at the worst, the visitor has to sign in again
		}
	}
}

// panicking reports whether the handler has panicked and a deferred function is running.
// Until that function returns, gopanic is on the stack, even after a recover. The search
// stops at the middleware: a panic below it is not the handler's.
func panicking() bool {
	pcs := make([]uintptr, 512)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			return true
		}
		if !more || strings.HasSuffix(f.Function, ".(*exchange).serve") {
			return false
		}
	}
}

// drop commits nothing, because the response is not the handler's. If changes are lost, it
// replaces a response that the client would take for a success by an error.
func (x *exchange) drop(s *Session, status int, err error) error {
	varyOn(x.w.Header(), x.m.cfg.varies)
	changed := s.drop(err)
	if changed && status < http.StatusBadRequest {
		x.failed = err
		x.answer()
		return err
	}
	if changed {
		x.m.cfg.log(x, slog.LevelWarn, "session: changes were not stored", logError(err))
		x.m.event(x, Event{Kind: EventDropped, Err: err})
	}
	return nil
}

// unwound drops the changes of a request whose handler has panicked or has ended its
// goroutine, for this manager and for those around it. Code that recovers may respond
// through the same writer. unwound doesn't wait for a commit in progress: the panic may come
// from an error handler that this commit has called.
func (x *exchange) unwound() {
	for ; x != nil; x, _ = x.Context.Value(anyKey{}).(*exchange) {
		x.panicked.Store(true)
		if !x.state.CompareAndSwap(waiting, dropped) && !x.state.CompareAndSwap(answered, dropped) {
			continue
		}
		if s, _ := x.loaded(); s != nil {
			_ = x.drop(s, http.StatusInternalServerError, errPanicked)
		}
	}
}

// commit is the commit before the response. If it fails or panics, the error handler
// answers at once. Whatever the handler writes later is refused, and so is the answer of
// middleware that recovers from the panic.
func (x *exchange) commit(s *Session) (cookie *http.Cookie, err error) {
	x.failed = errInterrupted
	defer func() {
		if x.failed != nil {
			x.answer()
		}
	}()
	cookie, x.failed = x.commitAll(s, x.uses)
	return cookie, x.failed
}

// commitAll commits the session, and ends those of the other cookies if the request has
// logged out.
func (x *exchange) commitAll(s *Session, u usage) (*http.Cookie, error) {
	cookie, err := x.m.commit(x, s, u)
	if s.hasLeft() {
		err = cmp.Or(err, x.m.endRivals(x, x.rivals))
	}
	return cookie, err
}

// answer responds with the error handler.
func (x *exchange) answer() {
	x.entry.restore(x.w.Header())
	varyOn(x.w.Header(), x.m.cfg.varies)
	if level := slog.LevelError; !errors.Is(x.failed, ErrEnded) {
		if errors.Is(x.failed, ErrConflict) {
			level = slog.LevelWarn // the store works
		}
		x.m.cfg.log(x, level, "session: commit failed", logError(x.failed))
	}
	answering(x.onError)(x.w, x.r, x.failed)
	// A proxy aborts the connection when its write fails. The response must be out by then.
	http.NewResponseController(x.w).Flush()
	x.entry = nil
	x.entry.take(x.w.Header())
}

// begunFor reports whether a token is that of this request, and the response has begun, so
// that no other token can be sent.
func (x *exchange) begunFor(t Token) bool {
	s, _ := x.loaded()
	return s != nil && x.state.Load() != waiting && s.isOf(t)
}

// finish ends the exchange when the handler has returned. A response that has not begun
// begins now, with the status, and changes made after the response began are committed.
func (x *exchange) finish(status int) {
	if x.begin(status) != nil { // the error handler has answered
		x.entry.restore(x.w.Header()) // what the handler has added might be sent as trailers
	}
	s := x.finishLoading()
	if s == nil {
		return
	}
	defer s.reach(over)
	if x.state.Load() != answered || x.panicked.Load() {
		return
	}
	uses := usesNone
	if x.uses == usesRead { // what a script's request has read while it was answered
		uses = usesRead
	}
	_, err := x.commitAll(s, uses)
	if err == nil {
		return
	}
	level, text := slog.LevelError, "session: changes after the response began were lost; make them before the first write"
	if errors.Is(err, ErrEnded) {
		level, text = slog.LevelInfo, "session: changes after the response began were not stored, because the session had ended"
	}
	x.m.cfg.log(x, level, text, logError(err))
	x.m.event(x, Event{Kind: EventLate, Err: err})
}

// finishLoading returns the session, or nil if there is none. Nothing can be stored in a
// session that is loaded later.
func (x *exchange) finishLoading() *Session {
	x.loading.Lock()
	defer x.loading.Unlock()
	x.finished = true
	return x.s
}
