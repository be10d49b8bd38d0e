package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
)

// An exchange is one request on its way through the middleware. It is the request's
// context as well, which saves an allocation.
type exchange struct {
	context.Context
	opaque
	m     *Manager
	r     *http.Request
	came  *http.Request // r as it came, without this context
	w     http.ResponseWriter
	entry headers

	loading sync.Mutex // guards the fields up to the blank line
	s       *Session
	err     error      // of the load
	asked   bool       // for the session
	passive bool       // see Session.IgnoreActivity
	rivals  []*Session // of the other cookies; see choose

	committing sync.Mutex // held during the commit, so that nothing overtakes it
	state      atomic.Int32
	failed     error // of the commit; set before state
	uses       usage // which flash messages the response uses up
}

// The states of an exchange.
//
//	waiting ──the response begins──▶ begun ──commit──▶ answered, refused
const (
	waiting  = iota
	begun    // the final header is about to go out
	answered // the commit has succeeded: the handler's response goes out
	refused  // the commit has failed: the error handler has answered
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
	sc := x.m.cfg.scopeOf(x.came)
	value, found, unique := readCookie(x.r.Header, sc.name)
	switch {
	case !unique:
		x.s, x.err = x.choose(sc)
	default:
		if found && value == "" {
			x.m.event(x.Context, Event{Kind: EventBadCookie}) // not x: its session is locked
		}
		x.s, x.err = x.m.load(x.Context, Token(value), sc)
	}
	if x.err == nil {
		x.s.request = x.came // not x.r: Config.Client is called while the session is locked
		if x.state.Load() != waiting {
			x.s.phase = sealed
		}
		x.s.passive = x.passive
	}
	return x.s, x.err
}

// choose returns the session of a request that has several cookies of one name: one may
// be left from other settings, or belong to a parent domain, or somebody may have planted
// it (RFC 6265bis, section 8.6). Usually one of them is a session. If two are, they have
// the same scope, where a browser has room for one, so the other one has been planted.
// Nobody can tell which: none is trusted, and the browser is told to delete those that
// have another scope.
func (x *exchange) choose(sc *scope) (*Session, error) {
	m := x.m
	m.event(x.Context, Event{Kind: EventBadCookie, Err: errSeveral})
	m.advise(x.Context, "session: a browser has sent several cookies of the session's name; they are left from other settings, belong to a parent domain, or were planted by another host; give each application a cookie name of its own", slog.String("name", sc.name))
	tokens := readTokens(x.r.Header, sc.name)
	none, unclear := newSession(m, sc), newSession(m, sc)
	unclear.unclear = true
	if len(tokens) > maxTokens {
		return unclear, nil
	}
	var live []*Session
	for _, t := range tokens {
		s, err := m.load(x.Context, t, sc)
		if err != nil {
			return nil, err
		}
		same := slices.IndexFunc(live, func(l *Session) bool { return l.at.rec.ID == s.at.rec.ID })
		switch standing := s.cred.standing; {
		case standing == superseded:
			none = s
		case standing == noToken:
		case same < 0:
			live = append(live, s)
		case standing == current: // rather than the token that it has replaced
			live[same] = s
		}
	}
	switch len(live) {
	case 0:
		return none, nil
	case 1:
		return live[0], nil
	}
	x.rivals = live
	return unclear, nil
}

// endRivals ends the sessions of the other cookies after a login, or they would be in its
// way at the next request. Whoever holds their tokens may do that.
func (x *exchange) endRivals() {
	for _, s := range x.rivals {
		s.mu.Lock()
		s.endStored()
		s.mu.Unlock()
		_, _ = x.m.commit(x, s, usesNone) // a failure is logged
	}
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
func (x *exchange) begin(status int) error {
	if x.state.Load() > begun {
		return x.failed
	}
	x.committing.Lock()
	defer x.committing.Unlock()
	if !x.state.CompareAndSwap(waiting, begun) {
		return x.failed
	}
	defer func() {
		if x.failed != nil {
			x.state.Store(refused)
		} else {
			x.state.Store(answered)
		}
	}()
	s, asked := x.loaded()
	if !asked {
		return nil
	}
	if s == nil || s.settled() {
		x.sendHeaders(nil)
		return nil
	}
	if s.hasShown() {
		x.uses = s.uses(usageOf(x.r, status))
	}
	cookie, err := x.commit(s)
	s.reach(sealed)
	if err != nil {
		varyOnCookie(x.w.Header())
		return err
	}
	x.sendHeaders(cookie)
	return nil
}

// sendHeaders sets the headers of a successful response.
func (x *exchange) sendHeaders(cookie *http.Cookie) {
	h := x.w.Header()
	varyOnCookie(h)
	if cookie != nil {
		setCookie(h, cookie)
		if cookie.Value != "" {
			x.m.inspect(x.Context, x.came, x.s.scope)
		}
	}
	if s := x.s; s != nil && s.unclear {
		x.m.cfg.deleteOthers(h, s.scope, x.came)
		if cookie != nil {
			x.endRivals()
		}
	}
}

// commit is the commit before the response. If it fails, or if an Update function
// panics in it, the error handler answers at once. Whatever the handler writes later is
// refused, and so is the answer of middleware that recovers from the panic.
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
		if !t.wrote { // no answer would be a 200
			DefaultError(x.w, x.r, x.failed)
		}
		// A proxy aborts the connection when its write fails. The answer must be out by
		// then.
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

// hasFailed waits for a commit that is under way.
func (x *exchange) hasFailed() bool {
	x.committing.Lock()
	defer x.committing.Unlock()
	return x.state.Load() == refused
}

// finish ends the exchange when the handler has returned. A response that has not begun
// begins now, and what was changed after the beginning is committed.
func (x *exchange) finish() {
	_ = x.begin(http.StatusOK) // the error handler has answered
	s, _ := x.loaded()
	if s == nil {
		return
	}
	defer s.reach(over)
	if x.state.Load() == refused {
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

// headers remembers the response headers without copying their values: values are
// replaced, not changed in place.
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
