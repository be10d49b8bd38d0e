package session_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// TestCommitAgain: a commit was stored, but its result is lost. A later commit, with
// more changes or without, stores all of them, and nothing twice.
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
		"of a login, and another": {first: func(s *session.Session) { s.Login("bob") }, then: func(s *session.Session) { s.Login("ada", session.KeepingData()) }, owner: "ada"},
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
				if moved { // this process has the newest record
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

// TestCommitAgainAfterAPanic: the store panics, before it has stored a commit or after. The
// next commit has more changes, and stores all of them, and nothing twice.
func TestCommitAgainAfterAPanic(t *testing.T) {
	for _, applied := range []bool{false, true} {
		g := newRig(t)
		b := g.signedUp(t, "x")
		s := load(t, g.Manager, session.Token(g.token(b)))
		session.Update(s, "n", func(n int) int { return n + 1 })
		fail := func(op string) {
			if op == "update" {
				g.spy.hook(nil, nil)
				panic("the driver")
			}
		}
		if applied {
			g.spy.hook(nil, func(op string, _ session.ID, err error) error { fail(op); return err })
		} else {
			g.spy.hook(func(op string, _ session.ID) error { fail(op); return nil }, nil)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic in the commit")
				}
			}()
			_, _ = g.Commit(t.Context(), s)
		}()
		s.Set("more", true)
		if _, err := g.Commit(t.Context(), s); err != nil {
			t.Errorf("applied %t: %v", applied, err)
		}
		got := g.data(t, g.token(b))
		equal(t, "n", got["n"], any(int64(1)))
		equal(t, "more", got["more"], any(true))
	}
}

// TestCommitAgainTakesItsTime: changes after a commit that is retried count as made
// when the retry has ended, which may take long.
func TestCommitAgainTakesItsTime(t *testing.T) {
	store, clk := newSpyStore(), sessiontest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	m, err := session.New(store, session.Config{PruneEvery: -1, Now: clk.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("a", 1) }))
	s.Set("b", 2)
	commitUnanswered(t, m, store, s)
	store.before = func(op string, _ session.ID) error {
		if op == "load" {
			clk.Advance(time.Minute)
		}
		return nil
	}
	s.Set("c", 3)
	if _, err := m.Commit(ctx, s); err != nil {
		t.Fatal(err)
	}
	if got := store.all()[0].LastActivity; !got.Equal(clk.Now()) {
		t.Errorf("the last activity is at %v, want %v", got, clk.Now())
	}
}

// TestCommitAgainInCompany: a batch has one commit ID in the store, by which each of
// its members learns that it is stored.
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
			if updates.Load() >= 3 || op == "load" && updates.Load() == 2 { // after the second update, every call fails
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
			synctest.Wait() // until the first is in the store and the others are in the queue
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

// commitUnanswered commits on a store that fails after it has stored the commit.
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

// TestPersistenceDoesNotBringBackAToken: a request that changes the lifetime of the
// cookie must not send a token that another request has replaced in the meantime.
func TestPersistenceDoesNotBringBackAToken(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{
		RotateEvery: time.Hour, PruneEvery: -1, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.Load(ctx, "")
	s.Set("a", 1)
	first, _ := m.Commit(ctx, s)

	slow, _ := m.Load(ctx, session.Token(first.Value))
	slow.SetPersistent(false)
	now = now.Add(time.Hour)
	fast, _ := m.Load(ctx, session.Token(first.Value))
	if c, err := m.Commit(ctx, fast); err != nil || c == nil {
		t.Fatalf("periodic rotation: cookie %v, error %v", c, err)
	}
	c, err := m.Commit(ctx, slow)
	if err != nil {
		t.Fatal(err)
	}
	if c != nil && c.Value == first.Value {
		t.Error("the replaced token was sent again")
	}
}

// TestRollbackDuringAFailedCommit: after Rollback has discarded a rotation, the next
// commit does not rotate.
func TestRollbackDuringAFailedCommit(t *testing.T) {
	store := newSpyStore()
	m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("a", 1) }))
	s.Regenerate()
	store.before = func(op string, _ session.ID) error {
		if op != "update" {
			return nil
		}
		s.Rollback()
		return session.ErrNotFound
	}
	if _, err := m.Commit(ctx, s); !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Commit = %v, want ErrEnded", err)
	}
	store.before = nil
	if c, err := m.Commit(ctx, s); c != nil || err != nil {
		t.Errorf("Commit after Rollback = %v, %v; want nothing to do", c, err)
	}
}

// TestRollbackDuringACommit: a Rollback during a commit loses nothing that the commit
// stores.
func TestRollbackDuringACommit(t *testing.T) {
	var s *session.Session
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "update" && s != nil {
			s.Rollback()
			s = nil
		}
		return next()
	})
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) { s.Set("z", 0) })
	s = load(t, m, token)
	mine := s
	mine.Set("important", 1)
	if _, err := m.Commit(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	mine.Set("late", 1)
	if _, err := m.Commit(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	if got := load(t, m, token).All(); len(got) != 3 {
		t.Errorf("stored %v, want three values", got)
	}
}
