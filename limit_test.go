package session_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// An ownerSpy is a spyStore that lists by owner, which it notes as "list"; what is
// before or after it may fail.
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

// newLimited is a rig whose owners have at most n sessions.
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

// loggedIn returns a browser that has logged in as ada, and its session's ID.
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

// alive tells which of some browsers are ada's still, such as "010".
func (g *rig) alive(browsers ...*browser) string {
	var all strings.Builder
	for _, b := range browsers {
		owner := ""
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { owner = s.Owner() })
		all.WriteString(map[bool]string{true: "1", false: "0"}[owner == "ada"])
	}
	return all.String()
}

// TestLimit: a login above the limit ends the sessions that were active least
// recently, for good, and nobody else's.
func TestLimit(t *testing.T) {
	for n := range 4 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			g := newLimited(t, n)
			stranger := newBrowser()
			g.visit(stranger, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") })
			anonymous := g.signedUp(t, "x")
			var browsers []*browser
			for i := range 5 {
				g.clock.advance(time.Second)
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

// TestLimitCosts nothing unless it is set, and then one listing for each login.
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
		equal(t, "a login that fails", g.spy.taken(), "load")
	}
}

// TestLimitByActivity: what counts is the last use, and not the login. Who logs in
// again in the session that he has is one session.
func TestLimitByActivity(t *testing.T) {
	g := newLimited(t, 2)
	first, _ := g.loggedIn(t)
	g.clock.advance(time.Second)
	second, _ := g.loggedIn(t)
	g.clock.advance(time.Second)
	g.visit(second, login)
	equal(t, "after another login in the same session", g.alive(first, second), "11")
	g.clock.advance(time.Hour)
	g.visit(first, read) // a touch
	g.clock.advance(time.Second)
	third, id := g.loggedIn(t)
	equal(t, "after a third login", g.alive(first, second, third), "101")

	// The event names whom it concerns; a request that is under way is told.
	g.clock.advance(time.Second)
	fourth := newBrowser()
	g.mu.Lock()
	g.events = nil
	g.mu.Unlock()
	g.clock.advance(time.Hour)
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

// TestLimitCountsTheLiving: what has expired, by the manager's clock and by the limits
// of now, takes nobody's place, nor does what no longer decodes.
func TestLimitCountsTheLiving(t *testing.T) {
	tests := map[string]func(g *rig, old session.Record) *rig{
		"idle": func(g *rig, _ session.Record) *rig {
			g.clock.advance(2 * time.Hour)
			return g
		},
		"lowered limit": func(g *rig, _ session.Record) *rig {
			low := newRigOn(t, ownerSpy{g.spy}, func(c *session.Config) { c.MaxPerOwner, c.IdleTimeout, c.Now = 2, time.Minute, g.clock.now })
			low.spy, low.clock = g.spy, g.clock
			g.clock.advance(time.Minute)
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
			first := newBrowser() // older than the dead one, and alive
			g.visit(first, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login("ada")
				s.SetTimeouts(20*time.Hour, 0)
			})
			id := g.idOf(first)
			g.clock.advance(time.Second)
			_, dead := g.loggedIn(t)
			g = f(g, g.spy.all()[slices.IndexFunc(g.spy.all(), func(r session.Record) bool { return r.ID == dead })])
			g.clock.advance(time.Second)
			second, _ := g.loggedIn(t)
			equal(t, "records", len(g.spy.all()), 3) // the dead one is the sweeper's
			equal(t, "the first is there", slices.ContainsFunc(g.spy.all(), func(r session.Record) bool { return r.ID == id }), true)
			g.clock.advance(time.Second)
			third, _ := g.loggedIn(t)
			equal(t, "alive after a third", g.alive(first, second, third), "011")
		})
	}
}

// TestLimitNeedsAList: a store that lists all will do, one that lists nothing is
// refused, by the name of what it lacks.
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
			g.clock.advance(time.Second)
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
