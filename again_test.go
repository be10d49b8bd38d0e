package session_test

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// TestCommitAgain: a commit was stored, and its answer is lost for good. Whoever commits
// again, after whatever else, has stored all of it, and nothing twice.
func TestCommitAgain(t *testing.T) {
	const unanswered = "not answered"
	set := func(s *session.Session) { s.Set("x", 1) }
	for name, c := range map[string]struct {
		first, then func(*session.Session)
		owner       string
		x           int
	}{
		"nothing else":            {then: func(*session.Session) {}},
		"more changes":            {then: set, x: 1},
		"Rollback, and others":    {then: func(s *session.Session) { s.Rollback(); set(s) }, x: 1},
		"of a login":              {first: func(s *session.Session) { s.Login("ada") }, then: func(*session.Session) {}, owner: "ada"},
		"of a login, and more":    {first: func(s *session.Session) { s.Login("ada") }, then: set, owner: "ada", x: 1},
		"and a login":             {then: func(s *session.Session) { s.Login("ada") }, owner: "ada"},
		"of a login, and another": {first: func(s *session.Session) { s.Login("bob") }, then: func(s *session.Session) { s.Login("ada") }, owner: "ada"},
	} {
		for _, moved := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				store := newSpyStore()
				m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
				s, slow := load(t, m, token), load(t, m, token)
				session.Update(s, "n", func(n int) int { return n + 1 })
				if c.first != nil {
					c.first(s)
				}
				down := errors.New(unanswered)
				store.after = func(op string, _ session.ID, err error) error {
					if op == "update" && err == nil {
						store.before = func(string, session.ID) error { return down }
						return down
					}
					return err
				}
				if _, err := m.Commit(ctx, s); !errors.Is(err, down) {
					t.Fatalf("Commit = %v, want that it is %s", err, unanswered)
				}
				store.before, store.after = nil, nil
				if moved { // and this process knows the newest record
					slow.Set("elsewhere", 1)
					if _, err := m.Commit(ctx, slow); err != nil && !errors.Is(err, session.ErrEnded) {
						t.Fatal(err)
					}
				}
				c.then(s)
				cookie, err := m.Commit(ctx, s)
				if err != nil {
					t.Fatal(err)
				}
				if cookie != nil {
					token = session.Token(cookie.Value)
				}
				after := load(t, m, token)
				if n, x := session.Get(after, "n", 0), session.Get(after, "x", 0); n != 1 || x != c.x || after.Owner() != c.owner {
					t.Errorf("stored: %v of %q; want n = 1, x = %d of %q", after.All(), after.Owner(), c.x, c.owner)
				}
			})
		}
	}
}

// commitUnanswered commits, but the store is down once it has done that.
func commitUnanswered(t *testing.T, m *session.Manager, store *spyStore, s *session.Session) {
	t.Helper()
	down := errors.New("not answered")
	store.after = func(string, session.ID, error) error {
		store.before = func(string, session.ID) error { return down }
		return down
	}
	if _, err := m.Commit(ctx, s); !errors.Is(err, down) {
		t.Fatalf("Commit = %v, want that it is not answered", err)
	}
	store.before, store.after = nil, nil
}

// TestCommitAgainTakesItsTime: what is committed after a commit that is made again was
// done when that one has ended, which may have taken long.
func TestCommitAgainTakesItsTime(t *testing.T) {
	store, clk := newSpyStore(), &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	m, err := session.New(store, session.Config{PruneEvery: -1, Now: clk.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("a", 1) }))
	s.Set("b", 2)
	commitUnanswered(t, m, store, s)
	store.before = func(op string, _ session.ID) error {
		if op == "load" {
			clk.advance(time.Minute)
		}
		return nil
	}
	s.Set("c", 3)
	if _, err := m.Commit(ctx, s); err != nil {
		t.Fatal(err)
	}
	if got := store.all()[0].LastActivity; !got.Equal(clk.now()) {
		t.Errorf("the last activity is at %v, want %v", got, clk.now())
	}
}

// TestCreateAgain: no second record is left behind by a creation whose answer is lost for
// good, and which is tried again with more changes.
func TestCreateAgain(t *testing.T) {
	store := newSpyStore()
	m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, "")
	s.Set("a", 1)
	commitUnanswered(t, m, store, s)
	s.Set("b", 2)
	cookie, err := m.Commit(ctx, s)
	if err != nil || cookie == nil {
		t.Fatalf("Commit = %v, %v; want a cookie", cookie, err)
	}
	if n := len(store.records); n != 1 {
		t.Errorf("%d records are stored, want 1", n)
	}
	after := load(t, m, session.Token(cookie.Value))
	if len(after.All()) != 2 {
		t.Errorf("stored: %v, want a and b", after.All())
	}
	after.Set("c", 3)
	if _, err := m.Commit(ctx, after); err != nil {
		t.Error(err)
	}
	s.Set("d", 4)
	if _, err := m.Commit(ctx, s); err != nil {
		t.Error(err)
	}
	if after := load(t, m, session.Token(cookie.Value)); len(after.All()) != 4 {
		t.Errorf("stored: %v, want a to d", after.All())
	}
}

// TestCommitAgainInCompany: of commits that were stored together, the store remembers one
// id, and by it each of them knows that it is stored.
func TestCommitAgainInCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSpyStore()
		m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
		var all [4]*session.Session
		for i := range all {
			all[i] = load(t, m, token)
			session.Update(all[i], "n", func(n int) int { return n + 1 })
		}
		gate, down := make(chan struct{}), errors.New("not answered")
		var updates atomic.Int32
		store.before = func(op string, _ session.ID) error {
			if op == "update" && updates.Add(1) == 1 {
				<-gate
			}
			if updates.Load() >= 3 || op == "load" && updates.Load() == 2 { // after the second one, nothing works
				return down
			}
			return nil
		}
		store.after = func(op string, _ session.ID, err error) error {
			if op == "update" && updates.Load() == 2 {
				return down
			}
			return err
		}
		var errs [4]error
		var done sync.WaitGroup
		for i, s := range all {
			done.Go(func() { _, errs[i] = m.Commit(ctx, s) })
			synctest.Wait() // the first is in the store, the others in line
		}
		close(gate)
		done.Wait()
		store.before, store.after = nil, nil
		for i, s := range all {
			if (errs[i] == nil) != (i == 0) {
				t.Fatalf("Commit %d = %v, want an error of all but the first", i, errs[i])
			}
			if i > 0 {
				done.Go(func() { _, errs[i] = m.Commit(ctx, s) })
			}
		}
		done.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Error(err)
		}
		if n := session.Get(load(t, m, token), "n", 0); n != 4 {
			t.Errorf("n = %d, want 4", n)
		}
	})
}
