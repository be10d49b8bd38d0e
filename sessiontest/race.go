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

// A Race is some requests of one visitor that meet. It runs them in every order in
// which their loads and their commits can fall, one step at a time, so that what
// happens by bad luck in production happens in each run of the test:
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
// Each order is a subtest with a name like "buy loads, logout loads, logout commits,
// buy commits", by which a failure is run again. Nothing depends on time or on the
// scheduler: a request runs only while all others stand still. A handler that waits
// for another request of the race, for example for a lock of the program, therefore
// waits for ever, where the order has that request behind it.
//
// Two requests have 6 orders, three have 90, four 2520. With one more point to hold
// at it is 20 and 1680, with all points 70 and 34650.
type Race struct {
	// Open returns a manager on an empty store, and the program that uses it, for one
	// order, and has it closed by tb.Cleanup. The program may be wrapped in the
	// manager's Handler or not. It may be nil if every request has a handler.
	Open func(tb testing.TB) (*session.Manager, http.Handler)

	// Replica returns another manager on the store of m, and the program that uses it, as
	// another process has them. If it is not nil, it is called for each request but the
	// first, which that replica then serves. Nil: what Open returned serves all.
	Replica func(tb testing.TB, m *session.Manager) (*session.Manager, http.Handler)

	// Seed fills the session that the visitor has at first. Nil: the visitor has none.
	Seed func(s *session.Session)

	// Requests are what the visitor's browser sends.
	Requests []RaceRequest

	// Hold says where requests stop to let others pass, besides their ends.
	// Defaults to [RaceLoads].
	Hold []RacePoint

	// Check judges what came of one order.
	Check func(tb testing.TB, o RaceOutcome)
}

// A RaceRequest is one request of a race.
type RaceRequest struct {
	// Name stands for the request in the names of the orders. It has no comma, and no
	// other request has it. Defaults to the number of the request, from 1.
	Name string

	// New makes the request, by [httptest.NewRequest], once for each order. The cookies
	// are added. Defaults to GET /.
	New func() *http.Request

	// Handler answers in place of the program.
	Handler func(w http.ResponseWriter, r *http.Request, s *session.Session)

	// Stranger is a request without the visitor's cookies, for example of an
	// administrator. The cookies that it gets are not the visitor's either.
	Stranger bool
}

// A RacePoint is a place at which a request can be held, by the word that says in
// the name of an order that the request gets there.
type RacePoint string

const (
	// RaceSends is when the request has left the browser, with the cookies of that
	// moment. Where this is no point, a request is sent when it is loaded: what
	// another one has done before, such as a login, it knows.
	RaceSends RacePoint = "sends"

	// RaceLoads is when the session has been loaded, before the handler runs. The race
	// loads it for handlers that would do so later.
	RaceLoads RacePoint = "loads"

	// RaceHandles is before the commit: when the handler is about to begin its response,
	// or returns. It tells something new of handlers that change more than the session.
	RaceHandles RacePoint = "handles"

	// RaceCommits is the end of the request: the session is stored, the response
	// complete, its cookies are in the browser. Every request gets there last.
	RaceCommits RacePoint = "commits"
)

var racePoints = []RacePoint{RaceSends, RaceLoads, RaceHandles, RaceCommits}

// A RaceOutcome is what came of one order.
type RaceOutcome struct {
	Order   string           // its name
	Manager *session.Manager // that of Open
	Answers []RaceAnswer     // one for each request, in the order of Race.Requests

	// Session is what the visitor has in the end: what the cookie reaches that the
	// browser holds after all responses. It is for reading.
	Session *session.Session

	// Stale are the sessions that the visitor's earlier cookies still reach. There are
	// none after a login or a logout, or something is wrong.
	Stale []*session.Session
}

// A RaceAnswer is what came of one request.
type RaceAnswer struct {
	// Response is what the browser got. The StatusCode is 0 if the handler panicked or
	// ended its goroutine; unless that was by [http.ErrAbortHandler], the test has failed.
	*Response

	// Session is the request's own, for reading: what it saw, with its changes. It is
	// nil if it could not be loaded, or the request did not get that far.
	Session *session.Session
}

// Run runs every order, each as a subtest, and checks what came of it.
func (r Race) Run(t *testing.T) {
	t.Helper()
	for order := range r.Orders() {
		t.Run(order, func(t *testing.T) {
			t.Helper()
			r.Check(t, r.Play(t, order))
		})
	}
}

// Play runs one order, and returns what came of it without a check. The order may
// hold at points that are not in Hold.
func (r Race) Play(tb testing.TB, order string) RaceOutcome {
	tb.Helper()
	steps, err := r.parse(order)
	if err != nil {
		tb.Fatalf("order %q: %v", order, err)
	}
	m, app := r.Open(tb)
	v := &visitor{tb: tb, m: m}
	if r.Seed != nil {
		if c := Cookie(tb, m, r.Seed); c != nil {
			v.take([]*http.Cookie{c})
		}
	}
	racers := make([]*racer, len(r.Requests))
	for i := range racers {
		c := &racer{RaceRequest: r.Requests[i], visitor: v, m: m, app: app, going: make(chan struct{}), stopped: make(chan struct{})}
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

// A visitor is the browser that the requests come from.
type visitor struct {
	tb     testing.TB
	m      *session.Manager
	jar    jar
	tokens []session.Token // all that it ever had
}

var raceSite = &url.URL{Scheme: "https", Host: "example.com", Path: "/"}

// take keeps the cookies of a response.
func (v *visitor) take(cookies []*http.Cookie) {
	for _, c := range cookies {
		_ = v.jar.store(raceSite, c, time.Now()) // a browser refuses in silence
		if c.Name == v.m.CookieName() && c.MaxAge >= 0 {
			v.tokens = append(v.tokens, session.Token(c.Value))
		}
	}
}

func (v *visitor) outcome(order string, racers []*racer) RaceOutcome {
	v.tb.Helper()
	o := RaceOutcome{Order: order, Manager: v.m}
	for _, c := range racers {
		a := RaceAnswer{&Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody}}, c.session}
		if c.ok {
			a.Response = &Response{c.rec.Result(), c.rec.Body.String()}
		} else if c.failure != "" {
			v.tb.Errorf("order %q: a handler did not return: %s", order, c.failure)
		}
		o.Answers = append(o.Answers, a)
	}
	var token session.Token
	if c := v.jar.find(raceSite, v.m.CookieName(), time.Now()); c != nil {
		token = session.Token(c.Value)
	}
	o.Session = load(v.tb, v.m, token)
	for _, t := range v.tokens {
		if s := load(v.tb, v.m, t); t != token && !s.IsNew() {
			o.Stale = append(o.Stale, s)
		}
	}
	return o
}

// A racer is a request on its goroutine, which runs only between a value on going
// and the next on stopped.
type racer struct {
	RaceRequest
	*visitor
	m       *session.Manager
	app     http.Handler
	hold    []RacePoint
	going   chan struct{}
	stopped chan struct{} // closed at the end
	ended   bool

	rec     *httptest.ResponseRecorder
	session *session.Session
	ok      bool // the handler has returned
	failure string
}

// step lets the request run to its next point.
func (c *racer) step() {
	if c.ended {
		return // it did not get to all of its points, for example for a 403
	}
	c.going <- struct{}{}
	if _, more := <-c.stopped; more {
		return
	}
	c.ended = true
	if c.ok && !c.Stranger {
		c.take(c.rec.Result().Cookies())
	}
}

func (c *racer) at(p RacePoint) {
	if slices.Contains(c.hold, p) {
		c.stopped <- struct{}{}
		<-c.going
	}
}

func (c *racer) run() {
	defer close(c.stopped)
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler: // which is a way to answer nothing
			c.failure = ""
		default:
			c.failure = fmt.Sprintf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	c.failure = "its goroutine was ended"
	<-c.going
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

// serve is inside of the manager's middleware and around the program.
func (c *racer) serve(w http.ResponseWriter, r *http.Request) {
	c.session, _ = c.m.From(r.Context()) // the program gets the same error
	c.at(RaceLoads)
	before := &beforeCommit{ResponseWriter: w, c: c}
	if c.Handler != nil {
		c.m.HandlerFunc(c.Handler).ServeHTTP(before, r)
	} else {
		c.app.ServeHTTP(before, r)
	}
	before.reached()
}

// beforeCommit holds a request that begins its response. It offers what a recorder
// does.
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
