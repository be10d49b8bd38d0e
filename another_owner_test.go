package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// TestField10AnotherOwnerStartsClean: who signs in over somebody else gets nothing of theirs.
func TestField10AnotherOwnerStartsClean(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	var ada session.ID
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login("ada")
		s.SetTimeouts(30*24*time.Hour, 60*24*time.Hour)
		s.SetPersistent(true)
		s.Set("roles", "admin")
		s.Flash("message", "Welcome, ada.")
		ada = s.ID()
	})
	old := g.token(b)
	g.kinds()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("before", 1)
		s.Login("bob")
		s.Set("after", 1)
		equal(t, "data", fmt.Sprint(s.All()), "map[after:1]")
		equal(t, "owner", s.Owner(), "bob")
		if idle, absolute := s.Timeouts(); idle != 0 || absolute != 0 {
			t.Errorf("timeouts %v, %v", idle, absolute)
		}
	}).expect(t, http.StatusOK, 1)
	equal(t, "events", g.kinds(), "created logged-out")
	s := load(t, g.Manager, session.Token(g.token(b)))
	equal(t, "data", fmt.Sprint(s.All()), "map[after:1]")
	equal(t, "owner", s.Owner(), "bob")
	equal(t, "expires", s.ExpiresAt(), g.clock.Now().Add(2*time.Hour))
	if s.ID() == ada {
		t.Error("the ID is ada's")
	}
	if _, err := g.Info(t.Context(), ada); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Info of ada's session: %v", err)
	}
	if !load(t, g.Manager, session.Token(old)).IsNew() {
		t.Error("ada's token works")
	}
}

// TestField10WhoKeepsData: an anonymous visitor, the same owner, and whoever says so.
func TestField10WhoKeepsData(t *testing.T) {
	for name, c := range map[string]struct {
		owner   string
		options []session.LoginOption
	}{
		"anonymous":      {"", nil},
		"the same owner": {"bob", nil},
		"on purpose":     {"ada", []session.LoginOption{session.KeepingData()}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			var id session.ID
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				if c.owner != "" {
					s.Login(c.owner)
				}
				s.Set("cart", 1)
				s.SetTimeouts(time.Hour, 0)
				id = s.ID()
			})
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("before", 1)
				s.Login("bob", c.options...)
			}).expect(t, http.StatusOK, 1)
			s := load(t, g.Manager, session.Token(g.token(b)))
			equal(t, "data", fmt.Sprint(s.All()), "map[before:1 cart:1]")
			equal(t, "owner", s.Owner(), "bob")
			equal(t, "ID", s.ID(), id)
			idle, _ := s.Timeouts()
			equal(t, "idle timeout", idle, time.Hour)
		})
	}
}

// TestField10PopOnceCounts: what a request takes from the session of one owner before it
// signs in another one is taken once.
func TestField10PopOnceCounts(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	for _, order := range []string{"taken by a write", "taken by a login"} {
		t.Run(order, func(t *testing.T) {
			token := stored(t, m, func(s *session.Session) { s.Login("ada"); s.Set("state", "x") })
			first, second := load(t, m, token), load(t, m, token)
			for _, s := range []*session.Session{first, second} {
				if session.PopOnce(s, "state", "") != "x" {
					t.Fatal("no state")
				}
			}
			if order == "taken by a login" {
				first.Login("bob")
			}
			second.Login("carol")
			commitOf(t, m, first)
			if c, err := m.Commit(t.Context(), second); c != nil || err == nil {
				t.Errorf("the second login: cookie %t, error %v", c != nil, err)
			}
			if n := sessionsOf(t, m, "carol"); n != 0 {
				t.Errorf("carol has %d sessions", n)
			}
		})
	}
}

// TestField10TooLate: when the response has begun, the session of the former owner stays as
// it is.
func TestField10TooLate(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, login)
	g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		io.WriteString(w, "page")
		s.Login("bob")
		if !errors.Is(s.Err(), session.ErrCommitted) {
			t.Errorf("Err = %v", s.Err())
		}
	}).expect(t, http.StatusOK, 0)
	equal(t, "owner", load(t, g.Manager, session.Token(g.token(b))).Owner(), "ada")
}

// TestField10FailedWrite: a login that is not stored, because a write of its request has
// failed, ends nobody's session, unless Invalidate was called.
func TestField10FailedWrite(t *testing.T) {
	for _, invalidates := range []bool{false, true} {
		g := newRig(t)
		b := newBrowser()
		g.visit(b, login)
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if invalidates {
				s.Invalidate()
				s.Login("carol")
			}
			s.Login("bob")
			s.Set("a..b", 1)
		}).expect(t, http.StatusInternalServerError, 0)
		equal(t, "ended", load(t, g.Manager, session.Token(g.token(b))).Owner() != "ada", invalidates)
	}
}

// TestFailedLoginKeepsTheFormerSession: if a login as another owner fails, whatever the
// reason is, the visitor keeps the session of the former owner, and the new one has ended.
// Another try succeeds.
func TestFailedLoginKeepsTheFormerSession(t *testing.T) {
	down := errors.New("down")
	for name, c := range map[string]struct {
		op    string // of the store, which fails
		err   error
		holds func() (bool, error)
		code  int
	}{
		"the store is full":              {op: "create", err: session.ErrFull, code: http.StatusServiceUnavailable},
		"the store is down":              {op: "create", err: down, code: http.StatusServiceUnavailable},
		"the former session cannot end":  {op: "update", err: down, code: http.StatusServiceUnavailable},
		"the condition does not hold":    {holds: func() (bool, error) { return false, nil }, code: http.StatusConflict},
		"the condition is not known":     {holds: func() (bool, error) { return true, down }, code: http.StatusServiceUnavailable},
		"the condition cannot be tested": {holds: func() (bool, error) { panic("the driver") }, code: http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, login)
			former := g.spy.all()[0].ID
			holds := c.holds
			signIn := g.Handler(recovering(http.StatusOK, plain(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login("bob", session.OnlyIf(func(context.Context) (bool, error) {
					if holds == nil {
						return true, nil
					}
					return holds()
				}))
				w.WriteHeader(http.StatusOK)
			})))
			g.spy.hook(func(op string, id session.ID) error {
				if op == c.op && (id == former || op == "create") {
					return c.err
				}
				return nil
			}, nil)
			b.send(signIn).expect(t, c.code, 0)
			equal(t, "owner", load(t, g.Manager, session.Token(g.token(b))).Owner(), "ada")
			equal(t, "records", len(g.spy.all()), 1)
			g.spy.hook(nil, nil)
			holds = nil
			b.send(signIn).expect(t, http.StatusOK, 1)
			equal(t, "owner", load(t, g.Manager, session.Token(g.token(b))).Owner(), "bob")
			equal(t, "records", len(g.spy.all()), 1)
		})
	}
}

// TestFailedLoginCommittedAgain: a program that commits a login as another owner again, after
// an error, signs in, even if the new session could not be ended meanwhile.
func TestFailedLoginCommittedAgain(t *testing.T) {
	for name, op := range map[string]string{"down at once": "create", "down later": "update", "down at the end": "delete"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				old := stored(t, g.Manager, func(s *session.Session) { s.Login("ada") })
				s := load(t, g.Manager, old)
				s.Login("bob")
				s.Set("a", 1)
				down := false
				g.spy.hook(func(call string, _ session.ID) error {
					if down = down || call == op; down {
						return errors.New("down")
					}
					return nil
				}, nil)
				c, err := g.Commit(t.Context(), s)
				g.spy.hook(nil, nil)
				if op == "delete" { // the former session has ended already
					equal(t, "error", err, nil)
				} else {
					if err == nil || c != nil {
						t.Errorf("Commit = %v, %v; want an error", c, err)
					}
					equal(t, "former owner", load(t, g.Manager, old).Owner(), "ada")
					if c, err = g.Commit(t.Context(), s); err != nil || c == nil {
						t.Fatalf("Commit = %v, %v; want a cookie", c, err)
					}
				}
				s = load(t, g.Manager, session.Token(c.Value))
				equal(t, "owner", s.Owner(), "bob")
				equal(t, "a", session.Get(s, "a", 0), 1)
				equal(t, "the former session has ended", load(t, g.Manager, old).IsNew(), true)
				equal(t, "sessions of bob", sessionsOf(t, g.Manager, "bob"), 1)
				equal(t, "sessions of ada", sessionsOf(t, g.Manager, "ada"), 0)
			})
		})
	}
}

// TestChangesDuringALoginAsAnotherOwner: what other goroutines do while the commit runs is not
// lost, and ends no session that it does not mean.
func TestChangesDuringALoginAsAnotherOwner(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*session.Session)
		want      string // owner and data after two commits
	}{
		"a write":            {func(s *session.Session) { s.Set("late", 1) }, "bob map[early:1 late:1]"},
		"Rollback":           {(*session.Session).Rollback, "bob map[early:1]"},
		"Rollback, a write":  {func(s *session.Session) { s.Rollback(); s.Set("late", 1) }, "bob map[early:1 late:1]"},
		"Invalidate":         {(*session.Session).Invalidate, " map[]"},
		"Invalidate, write":  {func(s *session.Session) { s.Invalidate(); s.Set("late", 1) }, " map[late:1]"},
		"a login as a third": {func(s *session.Session) { s.Login("carol") }, "carol map[]"},
	} {
		for _, during := range []string{"condition", "update"} {
			t.Run(name+", "+during, func(t *testing.T) {
				g := newRig(t)
				old := stored(t, g.Manager, func(s *session.Session) { s.Login("ada"); s.Set("old", 1) })
				s := load(t, g.Manager, old)
				token := old
				var once sync.Once
				s.Login("bob", session.OnlyIf(func(context.Context) (bool, error) {
					if during == "condition" {
						once.Do(func() { c.meanwhile(s) })
					}
					return true, nil
				}))
				s.Set("early", 1)
				g.spy.hook(func(op string, _ session.ID) error {
					if op == during {
						once.Do(func() { c.meanwhile(s) })
					}
					return nil
				}, nil)
				for range 2 {
					cookie, err := g.Commit(t.Context(), s)
					if err != nil {
						t.Fatal(err)
					}
					if cookie != nil {
						token = session.Token(cookie.Value)
					}
				}
				after := load(t, g.Manager, token)
				got := after.Owner() + " " + fmt.Sprint(after.All())
				want := c.want
				if during == "condition" && strings.HasPrefix(name, "Rollback") { // takes the login back
					want = strings.NewReplacer("bob map[early:1 late:1]", "ada map[late:1 old:1]", "bob map[early:1]", "ada map[old:1]").Replace(want)
				}
				equal(t, "the session", got, want)
				if after.Owner() != "ada" && !load(t, g.Manager, old).IsNew() {
					t.Error("the former session is there")
				}
				if n := len(g.spy.all()); n > 1 || n == 0 && after.Owner() != "" {
					t.Errorf("%d records", n)
				}
			})
		}
	}
}
