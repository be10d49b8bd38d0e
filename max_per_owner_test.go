package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// An ownerSpy is a spyStore that also implements ListOwner, which it records as "list"
// and which the hooks can fail.
type ownerSpy struct{ *spyStore }

func (s ownerSpy) ListOwner(_ context.Context, owner string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		var found []session.Record
		err := s.call("list", session.ID{}, func() error {
			for _, r := range s.records {
				if r.Owner == owner {
					found = append(found, r)
				}
			}
			return nil
		})
		for _, r := range found {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(session.Record{}, err)
		}
	}
}

// newLimited returns a rig whose owners have at most n sessions.
func newLimited(t testing.TB, n int, spies ...*spyStore) *rig {
	t.Helper()
	spy := newSpyStore()
	if len(spies) > 0 {
		spy = spies[0]
	}
	g := newRigOn(t, ownerSpy{spy}, func(c *session.Config) { c.MaxPerOwner = n })
	g.spy = spy
	return g
}

// loggedIn returns a browser that has logged in as ada, and the ID of its session.
func (g *rig) loggedIn(t testing.TB) (*browser, session.ID) {
	t.Helper()
	b := newBrowser()
	g.visit(b, login).expect(t, http.StatusOK, 1)
	return b, g.idOf(b)
}

func (g *rig) idOf(b *browser) (id session.ID) {
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { id = s.ID() })
	return id
}

// alive reports which browsers still have a session of ada, such as "010".
func (g *rig) alive(browsers ...*browser) string {
	var all strings.Builder
	for _, b := range browsers {
		owner := ""
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { owner = s.Owner() })
		all.WriteString(map[bool]string{true: "1", false: "0"}[owner == "ada"])
	}
	return all.String()
}

// TestLimit: a login above the limit ends the sessions of the owner that were active
// least recently, for good, and no other sessions.
func TestLimit(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			g := newLimited(t, n)
			stranger := newBrowser()
			g.visit(stranger, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") })
			anonymous := g.signedUp(t, "x")
			var browsers []*browser
			for i := range 5 {
				g.clock.Advance(time.Second)
				b, _ := g.loggedIn(t)
				browsers = append(browsers, b)
				want := strings.Repeat("1", i+1)
				if n > 0 && i >= n {
					want = strings.Repeat("0", i+1-n) + strings.Repeat("1", n)
				}
				equal(t, "alive", g.alive(browsers...), want)
			}
			ended := 5 - n
			if n == 0 {
				ended = 0
			}
			equal(t, "events", strings.Count(g.kinds(), "revoked"), ended)
			equal(t, "records", len(g.spy.all()), 2+5-ended)
			equal(t, "of the anonymous", len(g.data(t, g.token(anonymous))), 1)
			g.visit(stranger, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "stranger", s.Owner(), "bob")
			})
		})
	}
}

// TestLimitCosts: the limit costs nothing if it is not set, and otherwise one listing
// per login.
func TestLimitCosts(t *testing.T) {
	for _, n := range []int{-1, 0, 3} {
		g := newLimited(t, n)
		b, _ := g.loggedIn(t)
		want, again := "create", "load update"
		if n > 0 {
			want, again = "create list", "load update list"
		}
		equal(t, "the first login", strings.TrimSuffix(g.spy.taken(), " load"), want)
		g.visit(b, login)
		equal(t, "another login", g.spy.taken(), again)
		g.visit(b, add)
		equal(t, "a write", g.spy.taken(), "load update")
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
		equal(t, "a rotation", g.spy.taken(), "load update")
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Login("ada")
			s.Rollback()
		})
		equal(t, "a login taken back", g.spy.taken(), "load")
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Login("ada")
			s.Set("a", strings.Repeat("x", 600<<10))
			s.Set("b", strings.Repeat("x", 600<<10))
		}).expect(t, http.StatusInternalServerError, 0)
		equal(t, "a login that fails", g.spy.taken(), "load") // at the write, before the commit
	}
}

// TestLimitByActivity: sessions are ordered by their last use, not by their login. A
// second login in the same session does not count twice.
func TestLimitByActivity(t *testing.T) {
	g := newLimited(t, 2)
	first, _ := g.loggedIn(t)
	g.clock.Advance(time.Second)
	second, _ := g.loggedIn(t)
	g.clock.Advance(time.Second)
	g.visit(second, login)
	equal(t, "after another login in the same session", g.alive(first, second), "11")
	g.clock.Advance(time.Hour)
	g.visit(first, read) // a touch
	g.clock.Advance(time.Second)
	third, id := g.loggedIn(t)
	equal(t, "after a third login", g.alive(first, second, third), "101")

	// The event names the owner, and a concurrent request of the session fails.
	g.clock.Advance(time.Second)
	fourth := newBrowser()
	g.mu.Lock()
	g.events = nil
	g.mu.Unlock()
	g.clock.Advance(time.Hour)
	g.visit(first, read)
	g.visit(third, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		g.visit(fourth, login)
		add(w, r, s)
	}).expect(t, http.StatusConflict, 0)
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.events, func(e session.Event) bool { return e.Kind == session.EventRevoked })
	if i < 0 || g.events[i].ID != id || g.events[i].Owner != "ada" || g.events[i].Err != nil {
		t.Errorf("events = %v, want a revocation of %v", g.events, id)
	}
}

// TestLimitCountsTheLiving: sessions that have expired, by the clock of the manager and
// the current limits, do not count, nor do sessions that cannot be decoded.
func TestLimitCountsTheLiving(t *testing.T) {
	tests := map[string]func(g *rig, old session.Record) *rig{
		"idle": func(g *rig, _ session.Record) *rig {
			g.clock.Advance(2 * time.Hour)
			return g
		},
		"lowered limit": func(g *rig, _ session.Record) *rig {
			low := newRigOn(t, ownerSpy{g.spy}, func(c *session.Config) { c.MaxPerOwner, c.IdleTimeout, c.Now = 2, time.Minute, g.clock.Now })
			low.spy, low.clock = g.spy, g.clock
			g.clock.Advance(time.Minute)
			return low
		},
		"corrupt": func(g *rig, old session.Record) *rig {
			old.Data = []byte("?")
			g.spy.put(old)
			return g
		},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			g := newLimited(t, 2)
			first := newBrowser() // older than the expired one, and alive
			g.visit(first, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login("ada")
				s.SetTimeouts(20*time.Hour, 0)
			})
			id := g.idOf(first)
			g.clock.Advance(time.Second)
			_, dead := g.loggedIn(t)
			g = f(g, g.spy.all()[slices.IndexFunc(g.spy.all(), func(r session.Record) bool { return r.ID == dead })])
			g.clock.Advance(time.Second)
			second, _ := g.loggedIn(t)
			equal(t, "records", len(g.spy.all()), 3) // the sweeper will delete the expired one
			equal(t, "the first is there", slices.ContainsFunc(g.spy.all(), func(r session.Record) bool { return r.ID == id }), true)
			g.clock.Advance(time.Second)
			third, _ := g.loggedIn(t)
			equal(t, "alive after a third", g.alive(first, second, third), "011")
		})
	}
}

// TestLimitNeedsAList: a store that can list all sessions is sufficient; New rejects a
// store that cannot list, and names the missing interface.
func TestLimitNeedsAList(t *testing.T) {
	spy := newSpyStore()
	limit := func(c *session.Config) { c.MaxPerOwner = 1 }
	for name, store := range map[string]session.Store{
		"List": listingStore{plainStore{spy}}, "Unwrap": wrapper{plainStore{spy}}, "ListOwner": ownerSpy{spy},
	} {
		t.Run(name, func(t *testing.T) {
			clear(spy.records)
			g := newRigOn(t, store, limit)
			first, _ := g.loggedIn(t)
			g.clock.Advance(time.Second)
			second, _ := g.loggedIn(t)
			equal(t, "alive", g.alive(first, second), "01")
		})
	}
	_, err := session.New(plainStore{spy}, session.Config{MaxPerOwner: 1, Cookie: session.CookieConfig{Path: "x"}})
	var fields []string
	for _, field := range []string{"Config.MaxPerOwner = 1: the store cannot list sessions", "session.OwnerLister", "session.Lister", "Cookie.Path"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			fields = append(fields, field)
		}
	}
	if fields != nil {
		t.Errorf("New = %v, without %q", err, fields)
	}
	for _, n := range []int{0, -1} {
		if _, err := session.New(plainStore{spy}, session.Config{MaxPerOwner: n}); err != nil {
			t.Errorf("New with %d: %v", n, err)
		}
	}
	if _, err := session.New(session.Discard, session.Config{MaxPerOwner: 1}); err != nil {
		t.Errorf("New of Discard: %v", err)
	}
}

// TestLimitWithAClockBehind: a login on a machine whose clock is behind ends no newer
// session and not its own; the next login with the right clock enforces the limit.
func TestLimitWithAClockBehind(t *testing.T) {
	g := newLimited(t, 1)
	behind := newLimited(t, 1, g.spy)
	behind.clock.Advance(-time.Minute)
	first, _ := g.loggedIn(t)
	g.spy.taken()
	late, _ := behind.loggedIn(t)
	equal(t, "store calls: nothing is older", g.spy.taken(), "create list load")
	equal(t, "alive", g.alive(first, late), "11")
	behind.clock.Advance(time.Second)
	later, _ := behind.loggedIn(t)
	equal(t, "alive after another one", g.alive(first, late, later), "101")
	g.clock.Advance(time.Second)
	last, _ := g.loggedIn(t)
	equal(t, "alive after a login by the right clock", g.alive(first, late, later, last), "0001")
}

// TestLimitOfLoginsAtOnce: of concurrent logins, the last one in the order of activity
// stays, in whatever order they are stored and list; they never end each other.
func TestLimitOfLoginsAtOnce(t *testing.T) {
	tests := []struct {
		name    string
		apart   time.Duration // from the activity of A to that of B
		both    bool          // both are stored before one of them lists
		bFirst  bool          // B completes before A continues
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
			b.clock.Advance(c.apart)
			old, _ := a.loggedIn(t)
			a.clock.Advance(time.Minute)
			b.clock.Advance(time.Minute)

			// Each of the two is held at its create or at its list.
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
			a.clock.Advance(time.Hour)
			b.clock.Advance(time.Hour)
			equal(t, "the old session", a.alive(old), "0")
			got := a.alive(browsers...)
			if c.oneLeft {
				equal(t, "alive", strings.Count(got, "1"), 1)
			} else {
				equal(t, "alive", got, c.want)
			}
			a.clock.Advance(time.Hour - 1)
			last, _ := a.loggedIn(t)
			equal(t, "after another login", a.alive(append(browsers, last)...), "001")
		})
	}
}

// TestLimitAndAnotherLoginOfTheOld: the session that a login is about to end logs in
// again at that moment. One of the two logins succeeds, and its session lives.
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
			g.clock.Advance(time.Minute)
			code := http.StatusOK
			var started bool
			g.spy.hook(func(op string, which session.ID) error {
				if op != c.at || which != id || started {
					return nil
				}
				started = true
				code = g.visit(old, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					g.clock.Advance(time.Second)
					login(w, r, s)
				}).Code
				return nil
			}, nil)
			fresh := newBrowser()
			g.visit(fresh, login).expect(t, http.StatusOK, 1)
			g.spy.hook(nil, nil)
			if c.at == "delete" {
				// The old browser found no session and started another one, which is
				// newer.
				equal(t, "status of the old one", code, http.StatusOK)
			}
			equal(t, "alive", g.alive(old, fresh), "10")
			equal(t, "started", started, true)
		})
	}

	// Now in the other order: the old request has loaded its session, and then the
	// session is ended. It begins another one, which is newer.
	g := newLimited(t, 1)
	old, _ := g.loggedIn(t)
	g.clock.Advance(time.Minute)
	fresh := newBrowser()
	g.visit(old, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		g.visit(fresh, login).expect(t, http.StatusOK, 1)
		g.clock.Advance(time.Second)
		login(w, r, s)
	}).expect(t, http.StatusOK, 1)
	equal(t, "alive", g.alive(old, fresh), "10")
}

// TestLimitAndAnotherOwner: a session that has changed its owner in the meantime, or
// has ended, is left alone and no longer counts.
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
			g.clock.Advance(2*time.Hour - 2*time.Second)
			return nil
		},
		"a record that does not decode": func(*rig, *browser) error { return session.ErrCorrupt },
	}
	for name, f := range meanwhile {
		t.Run(name, func(t *testing.T) {
			g := newLimited(t, 2)
			oldest, id := g.loggedIn(t)
			g.clock.Advance(time.Second)
			older, _ := g.loggedIn(t)
			g.clock.Advance(time.Second)
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

// TestLimitFails: the login is stored, so its response reports success even if the
// store fails afterwards. The log and an event report the failure, and the next login
// enforces the limit.
func TestLimitFails(t *testing.T) {
	down := errors.New("connection refused")
	fail := func(at string) func(op string, _ session.ID) error {
		return func(op string, _ session.ID) error {
			if op == at {
				return down
			}
			return nil
		}
	}
	for _, op := range []string{"list", "load", "update", "delete"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newLimited(t, 1)
				old, _ := g.loggedIn(t)
				g.clock.Advance(time.Second)
				g.kinds()
				g.spy.hook(fail(op), nil)
				fresh := newBrowser()
				g.visit(fresh, login).expect(t, http.StatusOK, 1)
				g.spy.hook(nil, nil)
				events, want := g.kinds(), "created failed"
				if op == "delete" {
					want = "created failed revoked" // it has ended, and a sweep will delete the record
				}
				equal(t, "events", events, want)
				if !strings.Contains(g.log(), down.Error()) {
					t.Errorf("log: %s", g.log())
				}
				equal(t, "alive", g.alive(old, fresh), map[bool]string{true: "01", false: "11"}[op == "delete"])
				g.clock.Advance(time.Second)
				last, _ := g.loggedIn(t)
				equal(t, "alive after the next login", g.alive(old, fresh, last), "001")
			})
		})
	}
	t.Run("in the middle of the list", func(t *testing.T) {
		g := newLimited(t, 1)
		old, _ := g.loggedIn(t)
		g.clock.Advance(time.Second)
		g.spy.hook(nil, func(op string, _ session.ID, err error) error {
			if op == "list" {
				return down
			}
			return err
		})
		fresh, _ := g.loggedIn(t)
		equal(t, "alive", g.alive(old, fresh), "11")
	})
	t.Run("lost answers", func(t *testing.T) {
		g := newLimited(t, 1)
		g.loggedIn(t)
		g.clock.Advance(time.Second)
		g.kinds()
		g.spy.hook(nil, func(op string, _ session.ID, err error) error {
			if op == "update" || op == "delete" {
				return io.ErrUnexpectedEOF
			}
			return err
		})
		g.visit(newBrowser(), login).expect(t, http.StatusOK, 1)
		equal(t, "revoked", strings.Count(g.kinds(), "revoked"), 1)
		equal(t, "records that live", len(slices.DeleteFunc(g.spy.all(), func(r session.Record) bool { return r.Owner == "" })), 1)
	})
	t.Run("one of several", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newLimited(t, 2)
			stuck, id := g.loggedIn(t)
			g.clock.Advance(time.Second)
			other, _ := g.loggedIn(t)
			g.clock.Advance(time.Second)
			g.spy.hook(func(op string, which session.ID) error {
				if op == "load" && which == id {
					return down
				}
				return nil
			}, nil)
			fresh := newBrowser()
			g.visit(fresh, login).expect(t, http.StatusOK, 1)
			g.spy.hook(nil, nil)
			equal(t, "alive", g.alive(stuck, other, fresh), "101") // the limit still holds
		})
	})
}

// TestLimitIsBounded: the response waits for a slow store no longer than StoreTimeout.
func TestLimitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newLimited(t, 1)
		old, _ := g.loggedIn(t)
		g.clock.Advance(time.Second)
		slow := newRigOn(t, slowList{ownerSpy{g.spy}}, func(c *session.Config) { c.MaxPerOwner, c.Now = 1, g.clock.Now })
		fresh := newBrowser()
		start := time.Now()
		slow.visit(fresh, login).expect(t, http.StatusOK, 1)
		equal(t, "time", time.Since(start), 5*time.Second)
		equal(t, "events", slow.kinds(), "created failed")
		equal(t, "alive", g.alive(old, fresh), "11")
	})
	synctest.Test(t, func(t *testing.T) {
		free := newLimited(t, 0)
		for range 4 {
			free.loggedIn(t)
			free.clock.Advance(time.Second)
		}
		g := newLimited(t, 1, free.spy)
		g.clock.Advance(time.Minute)
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "load" {
				time.Sleep(3 * time.Second) // on the fake clock; ignores the deadline
			}
			return nil
		}, nil)
		start := time.Now()
		g.visit(newBrowser(), login).expect(t, http.StatusOK, 1)
		equal(t, "time", time.Since(start), 6*time.Second)
		equal(t, "sessions left", len(g.spy.all()), 3)
	})
}

// A slowList does not answer before the context of the call ends.
type slowList struct{ ownerSpy }

func (s slowList) ListOwner(ctx context.Context, _ string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		<-ctx.Done()
		yield(session.Record{}, ctx.Err())
	}
}
