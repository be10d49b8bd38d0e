package session_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// TestLimitWithAClockBehind: a login on a machine whose clock is behind ends none that
// is newer, and not itself; the next login by the right clock makes up for it.
func TestLimitWithAClockBehind(t *testing.T) {
	g := newLimited(t, 1)
	behind := newLimited(t, 1, g.spy)
	behind.clock.advance(-time.Minute)
	first, _ := g.loggedIn(t)
	g.spy.taken()
	late, _ := behind.loggedIn(t)
	equal(t, "store calls: nothing is older", g.spy.taken(), "create list load")
	equal(t, "alive", g.alive(first, late), "11")
	behind.clock.advance(time.Second)
	later, _ := behind.loggedIn(t)
	equal(t, "alive after another one", g.alive(first, late, later), "101")
	g.clock.advance(time.Second)
	last, _ := g.loggedIn(t)
	equal(t, "alive after a login by the right clock", g.alive(first, late, later, last), "0001")
}

// TestLimitOfLoginsAtOnce: of logins that meet, the last one in the order of activity
// stays, in whatever order they are stored and look around; they never end each other.
func TestLimitOfLoginsAtOnce(t *testing.T) {
	tests := []struct {
		name    string
		apart   time.Duration // from A's instant to B's
		both    bool          // both are stored before one of them lists
		bFirst  bool          // B goes on first, and is through before A goes on
		want    string
		oneLeft bool
	}{
		{"both stored, A lists first", time.Second, true, false, "01", false},
		{"both stored, B lists first", time.Second, true, true, "01", false},
		{"A is through before B is stored", time.Second, false, false, "01", false},
		{"B is through before A is stored", time.Second, false, true, "11", false}, // until the next login
		{"both stored, A has the clock ahead", -time.Second, true, false, "10", false},
		{"both stored at one instant, A lists first", 0, true, false, "", true},
		{"both stored at one instant, B lists first", 0, true, true, "", true},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			a := newLimited(t, 1)
			b := newLimited(t, 1, a.spy)
			b.clock.advance(c.apart)
			old, _ := a.loggedIn(t)
			a.clock.advance(time.Minute)
			b.clock.advance(time.Minute)

			// Each of the two is stopped at its create, or at its list.
			stop := map[bool]string{true: "list", false: "create"}[c.both]
			gates := []*gate{newGate(), newGate()}
			var mu sync.Mutex
			next := 0
			a.spy.hook(func(op string, _ session.ID) error {
				if op == stop {
					mu.Lock()
					i := next
					next++
					mu.Unlock()
					gates[i].pass()
				}
				return nil
			}, nil)
			browsers := []*browser{newBrowser(), newBrowser()}
			done := []chan reply{make(chan reply, 1), make(chan reply, 1)}
			for i, g := range []*rig{a, b} {
				go func() { done[i] <- g.visit(browsers[i], login) }()
				<-gates[i].reached
			}
			order := []int{0, 1}
			if c.bFirst {
				order = []int{1, 0}
			}
			for _, i := range order {
				close(gates[i].open)
				(<-done[i]).expect(t, http.StatusOK, 1)
			}
			a.spy.hook(nil, nil)
			a.clock.advance(time.Hour)
			b.clock.advance(time.Hour)
			equal(t, "the old session", a.alive(old), "0")
			got := a.alive(browsers...)
			if c.oneLeft {
				equal(t, "alive", strings.Count(got, "1"), 1)
			} else {
				equal(t, "alive", got, c.want)
			}
			a.clock.advance(time.Hour - 1)
			last, _ := a.loggedIn(t)
			equal(t, "after another login", a.alive(append(browsers, last)...), "001")
		})
	}
}

// TestLimitAndAnotherLoginOfTheOld: the session that a login is about to end logs in
// again at that moment. One of the two logins goes through, and its session lives.
func TestLimitAndAnotherLoginOfTheOld(t *testing.T) {
	tests := []struct {
		name string
		at   string // the store call of the new login at which the old session logs in
	}{
		{"before the limit looks again", "load"},
		{"after it has looked", "update"},
		{"when it has ended", "delete"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newLimited(t, 1)
			old, id := g.loggedIn(t)
			g.clock.advance(time.Minute)
			code := http.StatusOK
			var started bool
			g.spy.hook(func(op string, which session.ID) error {
				if op != c.at || which != id || started {
					return nil
				}
				started = true
				code = g.visit(old, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					g.clock.advance(time.Second)
					login(w, r, s)
				}).Code
				return nil
			}, nil)
			fresh := newBrowser()
			g.visit(fresh, login).expect(t, http.StatusOK, 1)
			g.spy.hook(nil, nil)
			if c.at == "delete" {
				// The old one found no session, and began another one, which is newer.
				equal(t, "status of the old one", code, http.StatusOK)
			}
			equal(t, "alive", g.alive(old, fresh), "10")
			equal(t, "started", started, true)
		})
	}

	// The other way round: the old one has loaded its session, and then it is ended.
	g := newLimited(t, 1)
	old, _ := g.loggedIn(t)
	g.clock.advance(time.Minute)
	fresh := newBrowser()
	g.visit(old, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		g.visit(fresh, login).expect(t, http.StatusOK, 1)
		login(w, r, s)
	}).expect(t, http.StatusConflict, 0)
	equal(t, "alive", g.alive(old, fresh), "01")
}

// TestLimitAndAnotherOwner: a session that has become somebody else's meanwhile, or has
// ended, is left alone and counts no more.
func TestLimitAndAnotherOwner(t *testing.T) {
	does := func(h handler) func(*rig, *browser) error {
		return func(g *rig, b *browser) error {
			g.visit(b, h).expect(t, http.StatusOK, 1)
			return nil
		}
	}
	meanwhile := map[string]func(g *rig, oldest *browser) error{
		"another owner": does(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") }),
		"logout":        does(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }),
		"expiry": func(g *rig, _ *browser) error {
			g.clock.advance(2*time.Hour - 2*time.Second)
			return nil
		},
		"a record that does not decode": func(*rig, *browser) error { return session.ErrCorrupt },
	}
	for name, f := range meanwhile {
		t.Run(name, func(t *testing.T) {
			g := newLimited(t, 2)
			oldest, id := g.loggedIn(t)
			g.clock.advance(time.Second)
			older, _ := g.loggedIn(t)
			g.clock.advance(time.Second)
			g.spy.hook(func(op string, which session.ID) error {
				if op != "load" || which != id {
					return nil
				}
				g.spy.hook(nil, nil)
				return f(g, oldest)
			}, nil)
			fresh, _ := g.loggedIn(t)
			equal(t, "alive", g.alive(older, fresh), "11")
			events := g.kinds()
			equal(t, "revoked", strings.Count(events, "revoked"), 0)
			equal(t, "failed", strings.Count(events, "failed"), 0)
		})
	}
}
