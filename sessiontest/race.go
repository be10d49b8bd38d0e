package sessiontest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A Race runs overlapping requests of one visitor in every possible order of their loads
// and commits, one step at a time. So the test always covers the orders that are rare in
// production:
//
//	sessiontest.Race{
//		Open:     newApp,
//		Seed:     func(s *session.Session) { s.Login("ana") },
//		Requests: []sessiontest.RaceRequest{
//			{Name: "buy", New: func() *http.Request { return httptest.NewRequest("POST", "/buy", nil) }},
//			{Name: "logout", New: func() *http.Request { return httptest.NewRequest("POST", "/logout", nil) }},
//		},
//		Check: func(tb testing.TB, o sessiontest.RaceOutcome) {
//			if o.Session.Owner() != "" {
//				tb.Errorf("signed in after the logout")
//			}
//		},
//	}.Run(t)
//
// Each order is a subtest with a name like "buy loads, logout loads, logout commits, buy
// commits". Use the name to run a failed order again. The result depends neither on time
// nor on the scheduler: while one request runs, all others are paused. So a handler that
// waits for another request of the race, for example for a lock, waits forever if the
// order runs that request later.
//
// Two requests have 6 orders, three have 90, and four have 2520. With one more point in
// Hold, two have 20 and three have 1680; with all points, 70 and 34650.
type Race struct {
	// Open returns a manager with an empty store, and the application that uses it, for
	// one order. It registers the manager's Close with tb.Cleanup. The application may or
	// may not be wrapped in the manager's Handler. The application may be nil if every
	// request has a Handler.
	Open func(tb testing.TB) (*session.Manager, http.Handler)

	// Replica returns another manager with the store of m, and the application that uses
	// it, like another process of the application. If it is not nil, Play calls it for
	// each request except the first one, and the result serves that request. If it is
	// nil, the result of Open serves all requests.
	Replica func(tb testing.TB, m *session.Manager) (*session.Manager, http.Handler)

	// Seed fills the session that the visitor has at the start. If it is nil, the visitor
	// has no session.
	Seed func(s *session.Session)

	// Requests are the requests that the visitor's browser sends.
	Requests []RaceRequest

	// Hold lists the points at which a request pauses so that others can run, in addition
	// to its end. It defaults to [RaceLoads].
	Hold []RacePoint

	// Check checks the outcome of one order.
	Check func(tb testing.TB, o RaceOutcome)
}

// A RaceRequest is one request of a race.
type RaceRequest struct {
	// Name identifies the request in the names of the orders. It must be unique and must
	// not contain a comma. It defaults to the number of the request, starting at 1.
	Name string

	// New returns a new request, made by [httptest.NewRequest]. It is called once for each
	// order. The race adds the cookies. New defaults to GET /.
	New func() *http.Request

	// Handler, if not nil, handles the request instead of the application.
	Handler func(w http.ResponseWriter, r *http.Request, s *session.Session)

	// Stranger marks a request from another browser, for example that of an
	// administrator: it does not send the visitor's cookies, and its response does not
	// change them.
	Stranger bool
}

// A RacePoint is a point at which a request can pause. Its value is the word that stands
// for it in the name of an order.
type RacePoint string

const (
	// RaceSends is the point at which the request has left the browser, with the cookies
	// of that moment. If an order does not contain this point, the request is sent
	// immediately before it loads, with the cookies of all earlier responses.
	RaceSends RacePoint = "sends"

	// RaceLoads is the point at which the session has been loaded and before the handler
	// runs. The race loads the session even if the handler would do so later.
	RaceLoads RacePoint = "loads"

	// RaceHandles is the point before the commit: the handler is about to begin its
	// response, or returns. It is useful for handlers that change more than the session.
	RaceHandles RacePoint = "handles"

	// RaceCommits is the end of the request: the session is stored, the response is
	// complete, and the browser has its cookies. It is the last point of every request.
	RaceCommits RacePoint = "commits"
)

var racePoints = []RacePoint{RaceSends, RaceLoads, RaceHandles, RaceCommits}

// A RaceOutcome is the outcome of one order.
type RaceOutcome struct {
	Order   string           // the name of the order
	Manager *session.Manager // the one that Open returned
	Answers []RaceAnswer     // one for each request, in the order of Race.Requests

	// Session is the visitor's session at the end: the one that the browser's cookie
	// leads to after all responses. It is for reading.
	Session *session.Session

	// Stale contains the sessions that earlier cookies of the visitor still lead to. After
	// a login or a logout it must be empty.
	Stale []*session.Session
}

// A RaceAnswer is the outcome of one request.
type RaceAnswer struct {
	// Response is the response that the browser received. Its StatusCode is 0 if the
	// handler panicked or ended its goroutine. That fails the test, unless the handler
	// panicked with [http.ErrAbortHandler].
	*Response

	// Session is the session that the handler used, with its changes. It is for reading.
	// It is nil if the session could not be loaded, or the request ended before that.
	Session *session.Session
}

// Run runs every order as a subtest, and calls r.Check with its outcome.
func (r Race) Run(t *testing.T) {
	t.Helper()
	for order := range r.Orders() {
		t.Run(order, func(t *testing.T) {
			t.Helper()
			r.Check(t, r.Play(t, order))
		})
	}
}

// Play runs one order and returns its outcome, without calling r.Check. The order may
// contain points that are not in r.Hold.
func (r Race) Play(tb testing.TB, order string) RaceOutcome {
	tb.Helper()
	steps, err := r.parse(order)
	if err != nil {
		tb.Fatalf("order %q: %v", order, err)
	}
	m, app := r.Open(tb)
	v := &browser{tb: tb, m: m}
	if r.Seed != nil {
		if c := Cookie(tb, m, r.Seed); c != nil {
			v.receive([]*http.Cookie{c})
		}
	}
	racers := make([]*racer, len(r.Requests))
	for i := range racers {
		c := &racer{RaceRequest: r.Requests[i], browser: v, m: m, app: app, resume: make(chan struct{}), paused: make(chan struct{})}
		if i > 0 && r.Replica != nil {
			c.m, c.app = r.Replica(tb, m)
		}
		racers[i] = c
		for _, s := range steps {
			if s.request == i {
				c.hold = append(c.hold, s.point)
			}
		}
		go c.run()
	}
	for _, s := range steps {
		racers[s.request].step()
	}
	return v.outcome(order, racers)
}

// A browser is the browser that the requests come from.
type browser struct {
	tb     testing.TB
	m      *session.Manager
	jar    jar
	tokens []session.Token // all tokens that it ever received
}

var raceSite = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}

// receive stores the cookies of a response.
func (b *browser) receive(cookies []*http.Cookie) {
	for _, c := range cookies {
		_ = b.jar.store(raceSite, c, time.Now()) // browsers reject cookies silently
		if c.Name == b.m.CookieName() && c.MaxAge >= 0 {
			b.tokens = append(b.tokens, session.Token(c.Value))
		}
	}
}

func (b *browser) outcome(order string, racers []*racer) RaceOutcome {
	b.tb.Helper()
	o := RaceOutcome{Order: order, Manager: b.m}
	for _, c := range racers {
		a := RaceAnswer{&Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody}}, c.session}
		if c.ok {
			a.Response = &Response{c.rec.Result(), c.rec.Body.String()}
		} else if c.failure != "" {
			b.tb.Errorf("order %q: a handler did not return: %s", order, c.failure)
		}
		o.Answers = append(o.Answers, a)
	}
	var token session.Token
	if c := b.jar.find(raceSite, b.m.CookieName(), time.Now()); c != nil {
		token = session.Token(c.Value)
	}
	o.Session = load(b.tb, b.m, token)
	for _, t := range b.tokens {
		if s := load(b.tb, b.m, t); t != token && !s.IsNew() {
			o.Stale = append(o.Stale, s)
		}
	}
	return o
}

// A racer runs a request on a goroutine of its own. The goroutine runs only between a
// value on the channel resume and the next one on paused.
type racer struct {
	RaceRequest
	*browser
	m      *session.Manager
	app    http.Handler
	hold   []RacePoint
	resume chan struct{}
	paused chan struct{} // closed at the end
	ended  bool

	rec     *httptest.ResponseRecorder
	session *session.Session
	ok      bool // the handler has returned
	failure string
}

// step runs the request up to its next point.
func (c *racer) step() {
	if c.ended {
		return // it skipped some of its points, for example because of a 403
	}
	c.resume <- struct{}{}
	if _, more := <-c.paused; more {
		return
	}
	c.ended = true
	if c.ok && !c.Stranger {
		c.receive(c.rec.Result().Cookies())
	}
}

func (c *racer) at(p RacePoint) {
	if slices.Contains(c.hold, p) {
		c.paused <- struct{}{}
		<-c.resume
	}
}

func (c *racer) run() {
	defer close(c.paused)
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler: // aborts the response on purpose
			c.failure = ""
		default:
			c.failure = fmt.Sprintf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	c.failure = "its goroutine has exited"
	<-c.resume
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if c.New != nil {
		r = c.New()
	}
	if !c.Stranger {
		target := *raceSite
		target.Path = r.URL.Path
		for _, k := range c.jar.send(&target, time.Now()) {
			r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
		}
	}
	c.at(RaceSends)
	c.rec = httptest.NewRecorder()
	c.m.Handler(http.HandlerFunc(c.serve)).ServeHTTP(c.rec, r)
	c.ok = true
}

// serve runs inside the manager's middleware, and calls the application.
func (c *racer) serve(w http.ResponseWriter, r *http.Request) {
	c.session, _ = c.m.From(r.Context()) // the application gets the same error
	c.at(RaceLoads)
	before := &beforeCommit{ResponseWriter: w, c: c}
	if c.Handler != nil {
		c.m.HandlerFunc(c.Handler).ServeHTTP(before, r)
	} else {
		c.app.ServeHTTP(before, r)
	}
	before.reached()
}

// beforeCommit pauses a request that begins its response. It has the same methods as an
// [httptest.ResponseRecorder].
type beforeCommit struct {
	http.ResponseWriter
	c    *racer
	once sync.Once
}

func (w *beforeCommit) reached() { w.once.Do(func() { w.c.at(RaceHandles) }) }

func (w *beforeCommit) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.reached()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *beforeCommit) Write(b []byte) (int, error) {
	w.reached()
	return w.ResponseWriter.Write(b)
}

func (w *beforeCommit) FlushError() error {
	w.reached()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *beforeCommit) Flush() { _ = w.FlushError() }
