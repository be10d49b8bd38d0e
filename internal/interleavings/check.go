package interleavings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// A call is one request of a case.
type call struct {
	kind
	name string // A, B or C
	*run

	// What the handler saw.
	s        *session.Session
	ctx      context.Context
	saw      map[string]any
	sawOwner string
	sawNew   bool
	had      bool      // PopOnce found a value
	end      time.Time // the expiry of the session if the touch has an effect
	at       time.Time // when the user confirmed

	refused    bool
	lastCookie bool // the browser's cookie is from the response to this request
}

// A run is one run of a case.
type run struct {
	tb    testing.TB
	title string
	clock *sessiontest.Clock
	m     *session.Manager
	id    session.ID // of the seeded session
	owner string     // of the seeded session
	calls []*call
}

func (s *run) check(err error) {
	s.tb.Helper()
	if err != nil {
		s.fail("%v", err)
	}
}

// fail reports an error, and names the case.
func (s *run) fail(format string, a ...any) {
	s.tb.Helper()
	s.tb.Errorf("%s: "+format, append([]any{s.title}, a...)...)
}

// start is when a case begins. It is in the future, because some stores delete what has
// expired by the clock of their server.
var start = time.Date(2100, 3, 1, 12, 0, 0, 0, time.UTC)

// Check runs the case on a store. It compares the outcome with c.Want, unless that is
// "", and checks the invariants. The store may contain other sessions. If there are
// several stores, they must share their data, as several processes do; then each
// request is served by a manager of its own.
func (c Case) Check(tb testing.TB, stores ...session.Store) {
	tb.Helper()
	s := &run{tb: tb, title: c.Name(), clock: sessiontest.NewClock(start)}
	if slices.Contains(c.Ops, "confirm") {
		s.owner = "the user"
	}
	race := sessiontest.Race{
		Open: func(testing.TB) (*session.Manager, http.Handler) {
			s.m = s.open(stores[0])
			return s.m, nil
		},
		Seed: func(seeded *session.Session) {
			if s.owner != "" {
				seeded.Login(s.owner)
			}
			seeded.Set("seed", true)
			seeded.Set("ticket", "t")
			s.id = seeded.ID()
		},
	}
	for i, name := range c.Ops {
		x := &call{kind: byName[name], name: string(rune('A' + i)), run: s}
		s.calls = append(s.calls, x)
		method := http.MethodPost
		if x.page {
			method = http.MethodGet
		}
		race.Requests = append(race.Requests, sessiontest.RaceRequest{
			Name: x.name, Handler: x.handle, Stranger: x.stranger,
			New: func() *http.Request { return httptest.NewRequest(method, "/", nil) },
		})
	}
	if len(stores) > 1 {
		next := 0
		race.Replica = func(testing.TB, *session.Manager) (*session.Manager, http.Handler) {
			next++
			return s.open(stores[next%len(stores)]), nil
		}
	}
	o := race.Play(tb, c.Order)
	if got := s.outcome(o); got != c.Want && c.Want != "" {
		s.fail("got %q, want %q; the session has %v, owner %q", got, c.Want, o.Session.All(), o.Session.Owner())
	}
	s.checkInvariants(o)
	if len(c.Ops) == 2 {
		s.checkSnapshots(c)
	}
}

// open returns a new manager. Nobody closes it, because Close would close the store.
func (s *run) open(store session.Store) *session.Manager {
	s.tb.Helper()
	m, err := session.New(store, session.Config{
		IdleTimeout: idle, Now: s.clock.Now, PruneEvery: -1,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return m
}

// outcome returns the outcome in the notation of the tables.
func (s *run) outcome(o sessiontest.RaceOutcome) string {
	var last *call
	for _, x := range s.committed(o.Order) {
		a := o.Answers[slices.Index(s.calls, x)]
		x.refused = a.StatusCode == http.StatusConflict || x.confirms && a.StatusCode == http.StatusUnauthorized
		if !x.stranger && len(a.Cookies()) > 0 {
			last = x
		}
	}
	if last != nil {
		last.lastCookie = true
	}
	var there, tail []string
	for _, x := range s.calls {
		if x.effect != nil && x.effect(x, o.Session) {
			there = append(there, x.name)
		}
		if x.refused {
			tail = append(tail, ", not "+x.name)
		}
	}
	if n := len(o.Stale); n > 0 {
		tail = append(tail, fmt.Sprintf(", %d orphaned", n))
	}
	state := strings.Join(there, "+")
	switch {
	case o.Session.IsNew():
		state += "gone"
	case o.Session.ID() != s.id:
		state = "new: " + state
	case state == "":
		state = "·"
	}
	return state + strings.Join(tail, "")
}

// committed returns the calls in the order of their commits.
func (s *run) committed(order string) []*call {
	calls := slices.Clone(s.calls)
	slices.SortFunc(calls, func(a, b *call) int {
		return strings.Index(order, a.name+" commits") - strings.Index(order, b.name+" commits")
	})
	return calls
}

// checkInvariants checks what holds for all requests in every order.
func (s *run) checkInvariants(o sessiontest.RaceOutcome) {
	s.tb.Helper()
	same := !o.Session.IsNew() && o.Session.ID() == s.id
	var list []string
	all := 0
	for _, x := range s.committed(o.Order) {
		a := o.Answers[slices.Index(s.calls, x)]
		there := x.effect != nil && x.effect(x, o.Session)
		switch {
		case a.StatusCode != http.StatusOK && !x.refused:
			s.fail("%s: status %d, want 200 or 409", x.name, a.StatusCode)
		case !x.refused && x.ends && (x.stranger || x.saw["seed"] == true) && same:
			s.fail("%s ended the session, but the session is still there", x.name)
		case !x.refused && x.keeps && !there && a.Session != nil && a.Session.ID() == o.Session.ID():
			s.fail("%s was answered 200, but its effect is lost", x.name)
		case x.refused && (there || len(a.Cookies()) > 0):
			s.fail("%s was answered 409, but has an effect (%t) or sets cookies %v", x.name, there, a.Cookies())
		}
		if there && slices.Contains(session.Get(o.Session, "list", []string{}), x.name) {
			list = append(list, x.name)
		}
		if n := session.Get(o.Session, session.Join("counts", x.name), 0); n > 1 {
			s.fail("%s counted %d times", x.name, n)
		} else {
			all += n
		}
	}
	if got := session.Get(o.Session, "list", []string{}); !slices.Equal(got, list) {
		s.fail("list %q, want %q, in the order of the commits", got, list)
	}
	if got := session.Get(o.Session, "counts.all", 0); got != all {
		s.fail("counted %d, want %d", got, all)
	}
	if got := session.Get(o.Session, "seed", false); got != same {
		s.fail("the seeded data is there: %t, want %t", got, same)
	}
	if len(o.Session.All()) > 0 && o.Session.IsNew() {
		s.fail("the visitor has no session, but sees %v", o.Session.All())
	}
	alive := same || slices.ContainsFunc(o.Stale, func(stale *session.Session) bool { return stale.ID() == s.id })
	if _, err := s.m.Info(s.tb.Context(), s.id); alive != (err == nil) || err != nil && !errors.Is(err, session.ErrNotFound) {
		s.fail("the seeded session in the store: error %v; a token of the visitor leads to it: %t", err, alive)
	}
}

// checkSnapshots checks what the two requests of a case saw. B must see what A
// stored if B loaded after A's commit and its token was still valid. Otherwise it
// must see the seeded session.
func (s *run) checkSnapshots(c Case) {
	s.tb.Helper()
	a, b := s.calls[0], s.calls[1]
	committed := strings.Index(c.Order, "A commits")
	after := strings.Index(c.Order, "B loads") > committed
	newCookie := strings.Index(c.Order+", B sends", "B sends") > committed
	want, owner := map[string]any{"seed": true, "ticket": "t"}, s.owner
	gone := b.stranger || after && (a.ends || a.rotates && !newCookie)
	switch {
	case gone:
		want, owner = map[string]any{}, ""
	case after:
		if a.adds != nil {
			a.adds(a, want)
		}
		if c.Ops[0] == "login" {
			if owner != "" { // of another user
				want = map[string]any{}
			}
			owner = "A"
		}
	}
	if !reflect.DeepEqual(b.saw, want) || b.sawOwner != owner || b.sawNew != gone {
		s.fail("B saw %v, owner %q, new %t; want %v, %q, %t", b.saw, b.sawOwner, b.sawNew, want, owner, gone)
	}
	if want := map[string]any{"seed": true, "ticket": "t"}; !a.stranger && !reflect.DeepEqual(a.saw, want) {
		s.fail("A saw %v, want %v", a.saw, want)
	}
}
