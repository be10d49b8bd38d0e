package fallbackstore_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// onStore returns a manager that reports a damaged record as an error of the test.
func onStore(t *testing.T, s session.Store) *session.Manager {
	t.Helper()
	m, err := session.New(s, session.Config{PruneEvery: -1, OnEvent: func(_ context.Context, e session.Event) {
		if e.Kind == session.EventCorrupt {
			t.Errorf("record %v: %v", e.ID, e.Err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// token stores a session of an owner and returns its token.
func token(t *testing.T, m *session.Manager, owner string) session.Token {
	t.Helper()
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Login(owner)
	cookie, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return session.Token(cookie.Value)
}

// commit changes the session of a token.
func commit(t *testing.T, m *session.Manager, tok session.Token, change func(*session.Session)) {
	t.Helper()
	s, err := m.Load(t.Context(), tok)
	if err != nil {
		t.Fatal(err)
	}
	change(s)
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// A manager that uses one of the two stores alone sees no marks, whatever has happened to the
// sessions, and finds those that live there.
func TestManagerAlone(t *testing.T) {
	old, primary := memstore.New(memstore.Config{}), memstore.New(memstore.Config{})
	both, err := fallbackstore.New(primary, old)
	if err != nil {
		t.Fatal(err)
	}
	before, during, after := onStore(t, old), onStore(t, both), onStore(t, primary)
	var tokens []session.Token
	for range 4 {
		tokens = append(tokens, token(t, before, "ada"))
	}
	commit(t, during, tokens[0], func(s *session.Session) { s.Set("moved", true) })
	commit(t, during, tokens[1], (*session.Session).Invalidate)
	commit(t, during, tokens[2], func(s *session.Session) { s.Set("moved", true) })
	commit(t, during, tokens[2], (*session.Session).Invalidate)
	if n := count(t, during, ""); n != 2 {
		t.Errorf("both: %d sessions, want 2", n)
	}
	if moved, err := both.Move(t.Context(), id(t, during, tokens[3])); !moved || err != nil {
		t.Errorf("Move: %v, %v", moved, err)
	}
	for name, tc := range map[string]struct {
		m    *session.Manager
		want int
	}{"old store": {before, 0}, "both": {during, 2}, "new store": {after, 2}} {
		if all, owned := count(t, tc.m, ""), count(t, tc.m, "ada"); all != tc.want || owned != tc.want {
			t.Errorf("%s: %d sessions, %d of the owner, want %d", name, all, owned, tc.want)
		}
		for i, tok := range tokens {
			s, err := tc.m.Load(t.Context(), tok)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := s.Owner() == "ada", tc.want > 0 && (i == 0 || i == 3); got != want {
				t.Errorf("%s: session %d is there: %v, want %v", name, i, got, want)
			}
		}
	}
	if ended, err := during.RevokeOwner(t.Context(), "ada"); ended != 2 || err != nil {
		t.Errorf("RevokeOwner: %d, %v, want 2", ended, err)
	}
	if n := count(t, after, ""); n != 0 {
		t.Errorf("after RevokeOwner: %d sessions", n)
	}
}

// A limit of sessions per owner counts those of both stores, and ends them in either.
func TestMaxPerOwner(t *testing.T) {
	old := memstore.New(memstore.Config{})
	both, err := fallbackstore.New(memstore.New(memstore.Config{}), old)
	if err != nil {
		t.Fatal(err)
	}
	before := onStore(t, old)
	during, err := session.New(both, session.Config{PruneEvery: -1, MaxPerOwner: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		token(t, before, "ada")
	}
	first := token(t, during, "ada")
	if n := count(t, during, "ada"); n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
	token(t, during, "ada")
	if n, left := count(t, during, "ada"), count(t, before, "ada"); n != 2 || left != 0 {
		t.Errorf("%d sessions, %d of them in the old store; want 2 and 0", n, left)
	}
	id(t, during, first)
}

// If one of the stores does not answer, nobody is taken for a stranger, and no session ends.
func TestStoreDown(t *testing.T) {
	down := errors.New("down")
	for _, broken := range []string{"primary", "fallback"} {
		t.Run(broken, func(t *testing.T) {
			var fails atomic.Bool
			stores := map[string]session.Store{"primary": memstore.New(memstore.Config{}), "fallback": memstore.New(memstore.Config{})}
			stores[broken] = sessiontest.Wrap(stores[broken], func(_ context.Context, _ sessiontest.Call, next func() error) error {
				if fails.Load() {
					return down
				}
				return next()
			})
			s, err := fallbackstore.New(stores["primary"], stores["fallback"])
			if err != nil {
				t.Fatal(err)
			}
			r := session.Record{ID: session.ID{1}, Version: 1, Owner: "ada"}
			if err := stores["fallback"].Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			fails.Store(true)
			_, loaded := s.Load(t.Context(), r.ID)
			_, moved := s.Move(t.Context(), r.ID)
			_, pruned := s.Prune(t.Context(), time.Unix(1, 0), 1)
			for name, err := range map[string]error{
				"Load": loaded, "Move": moved, "Prune": pruned,
				"Create": s.Create(t.Context(), session.Record{ID: session.ID{2}}),
				"Update": s.Update(t.Context(), r),
				"Delete": s.Delete(t.Context(), r.ID),
				"Touch":  s.Touch(t.Context(), r.ID, time.Unix(1, 0), time.Unix(1, 0)),
			} {
				if !errors.Is(err, down) {
					t.Errorf("%s: got %v, want the error of the store", name, err)
				}
			}
			fails.Store(false)
			if got, err := s.Load(t.Context(), r.ID); err != nil || got.Version != 1 || got.Owner != "ada" {
				t.Errorf("afterwards: %v, %v", got, err)
			}
		})
	}
}

// A process dies after each step of a move. Until Move has been called for the ID, the session is
// there for those who use both stores; then it is also there for those who use the new one alone.
func TestInterruptedMove(t *testing.T) {
	for steps := range 3 {
		old, primary := memstore.New(memstore.Config{}), memstore.New(memstore.Config{})
		left := steps
		dying := func(s session.Store) session.Store {
			return sessiontest.Wrap(s, func(_ context.Context, c sessiontest.Call, next func() error) error {
				if c.Op != "load" {
					if left--; left < 0 {
						return errors.New("died")
					}
				}
				return next()
			})
		}
		first, err := fallbackstore.New(dying(primary), dying(old))
		if err != nil {
			t.Fatal(err)
		}
		both, err := fallbackstore.New(primary, old)
		if err != nil {
			t.Fatal(err)
		}
		tok := token(t, onStore(t, old), "ada")
		id := id(t, onStore(t, both), tok)
		if _, err := first.Move(t.Context(), id); err == nil {
			t.Fatalf("the move takes %d steps only", steps)
		}
		if _, err := both.Move(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if n := count(t, onStore(t, primary), "ada"); n != 1 {
			t.Errorf("interrupted after %d steps: %d sessions in the new store, want 1", steps, n)
		}
	}
}

// New refuses stores that sessions cannot move between.
func TestNewRefuses(t *testing.T) {
	one := memstore.New(memstore.Config{})
	plain := struct{ session.Store }{one} // without the optional interfaces
	for _, stores := range [][2]session.Store{{nil, one}, {one, nil}, {plain, one}, {one, plain}} {
		if s, err := fallbackstore.New(stores[0], stores[1]); s != nil || err == nil {
			t.Errorf("%v, %v: accepted", stores[0], stores[1])
		}
	}
}

func count(t *testing.T, m *session.Manager, owner string) (n int) {
	t.Helper()
	list := m.ListAll(t.Context())
	if owner != "" {
		list = m.List(t.Context(), owner)
	}
	for _, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func id(t *testing.T, m *session.Manager, tok session.Token) session.ID {
	t.Helper()
	s, err := m.Load(t.Context(), tok)
	if err != nil {
		t.Fatal(err)
	}
	return s.ID()
}
