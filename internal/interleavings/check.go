package interleavings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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
	*scene

	// What it met, in its handler.
	s        *session.Session
	ctx      context.Context
	saw      map[string]any
	sawOwner string
	sawNew   bool
	had      bool      // what it wanted to take
	end      time.Time // of the session, if the touch counts

	refused    bool
	lastCookie bool // the browser's cookie is from this one's answer
}

// A scene is what the requests of a case have in common.
type scene struct {
	tb    testing.TB
	title string
	clock *sessiontest.Clock
	m     *session.Manager
	id    session.ID // of the session at first
	calls []*call
}

func (s *scene) check(err error) {
	s.tb.Helper()
	if err != nil {
		s.fail("%v", err)
	}
}

// fail fails the test, and says in which case.
func (s *scene) fail(format string, a ...any) {
	s.tb.Helper()
	s.tb.Errorf("%s: "+format, append([]any{s.title}, a...)...)
}

// Check plays the case on a store, and compares what comes of it with what is
// stated, if that is not "", and with what holds in every case. Other sessions of
// the store are in nobody's way. With several stores, which are the same data as
// several processes have it, the requests are served by managers of their own.
func (c Case) Check(tb testing.TB, stores ...session.Store) {
	tb.Helper()
	s := &scene{tb: tb, title: c.Name(), clock: sessiontest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	race := sessiontest.Race{
		Open: func(testing.TB) (*session.Manager, http.Handler) {
			s.m = s.open(stores[0])
			return s.m, nil
		},
		Seed: func(seeded *session.Session) {
			seeded.Set("seed", true)
			seeded.Set("ticket", "t")
			s.id = seeded.ID()
		},
	}
	for i, name := range c.Ops {
		x := &call{kind: byName[name], name: string(rune('A' + i)), scene: s}
		s.calls = append(s.calls, x)
		race.Requests = append(race.Requests, sessiontest.RaceRequest{Name: x.name, Handler: x.handle, Stranger: x.stranger})
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
	s.laws(o)
	if len(c.Ops) == 2 {
		s.sight(c)
	}
}

// open makes a manager. It is not closed, which would close the store.
func (s *scene) open(store session.Store) *session.Manager {
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

// outcome says in the words of the tables what came of it.
func (s *scene) outcome(o sessiontest.RaceOutcome) string {
	var last *call
	for _, x := range s.committed(o.Order) {
		a := o.Answers[slices.Index(s.calls, x)]
		x.refused = a.StatusCode == http.StatusConflict
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
		tail = append(tail, fmt.Sprintf(", %d left behind", n))
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
func (s *scene) committed(order string) []*call {
	calls := slices.Clone(s.calls)
	slices.SortFunc(calls, func(a, b *call) int {
		return strings.Index(order, a.name+" commits") - strings.Index(order, b.name+" commits")
	})
	return calls
}

// laws are what holds in every order of any requests.
func (s *scene) laws(o sessiontest.RaceOutcome) {
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
			s.fail("%s ended the session, and it is there", x.name)
		case !x.refused && x.keeps && !there && a.Session != nil && a.Session.ID() == o.Session.ID():
			s.fail("%s was answered, and its effect is lost", x.name)
		case x.refused && (there || len(a.Cookies()) > 0):
			s.fail("%s was refused, and has an effect (%t) or sets cookies %v", x.name, there, a.Cookies())
		}
		if there && slices.Contains(session.Get(o.Session, "list", []string{}), x.name) {
			list = append(list, x.name)
		}
		if n := session.Get(o.Session, "counts."+x.name, 0); n > 1 {
			s.fail("%s counted %d times", x.name, n)
		} else {
			all += n
		}
	}
	if got := session.Get(o.Session, "list", []string{}); !slices.Equal(got, list) {
		s.fail("list %q, want %q, by the order of the commits", got, list)
	}
	if got := session.Get(o.Session, "counts.all", 0); got != all {
		s.fail("counted %d, want %d", got, all)
	}
	if got := session.Get(o.Session, "seed", false); got != same {
		s.fail("data from before: %t, want %t", got, same)
	}
	if len(o.Session.All()) > 0 && o.Session.IsNew() {
		s.fail("the visitor has no session, and sees %v", o.Session.All())
	}
	if _, err := s.m.Info(s.tb.Context(), s.id); same != (err == nil) || err != nil && !errors.Is(err, session.ErrNotFound) {
		s.fail("the first session in the store: error %v; it is the visitor's: %t", err, same)
	}
}

// sight checks what the second of two requests has seen: what the first has stored,
// if it loaded after that, and its token still let it in; else the session as it
// was.
func (s *scene) sight(c Case) {
	s.tb.Helper()
	a, b := s.calls[0], s.calls[1]
	committed := strings.Index(c.Order, "A commits")
	after := strings.Index(c.Order, "B loads") > committed
	newCookie := strings.Index(c.Order+", B sends", "B sends") > committed
	want, owner := map[string]any{"seed": true, "ticket": "t"}, ""
	gone := b.stranger || after && (a.ends || a.rotates && !newCookie)
	switch {
	case gone:
		want = map[string]any{}
	case after:
		if a.adds != nil {
			a.adds(a, want)
		}
		if c.Ops[0] == "login" {
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
