package session_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// TestLateWriteKeepsTheNewToken: a change after the first byte is committed on top
// of what the first commit made, the new token included.
func TestLateWriteKeepsTheNewToken(t *testing.T) {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Set("a", 1)
	s.Flash("seen", 1)
	old, err := m.Commit(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	h := m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login("ada")
		w.WriteHeader(http.StatusOK)
		s.Set("b", 2)
	})
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	r.AddCookie(old)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies = %v", cookies)
	}
	for _, c := range []struct {
		token  string
		owner  string
		values int
	}{{old.Value, "", 0}, {cookies[0].Value, "ada", 2}} {
		s, err := m.Load(ctx, session.Token(c.token))
		if err != nil || s.Owner() != c.owner || len(s.All()) != c.values {
			t.Errorf("owner %q, data %v, error %v; want %q and %d values", s.Owner(), s.All(), err, c.owner, c.values)
		}
	}
}

// TestPersistenceDoesNotBringBackAToken: a request that changes how long the cookie
// lasts must not send the token that another request has rotated away meanwhile.
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

// TestWriteDuringALogout: what another goroutine writes while the commit ends the old
// session belongs to the new one, like all that is written after Invalidate.
func TestWriteDuringALogout(t *testing.T) {
	store := newSpyStore()
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		meanwhile func(*session.Session)
		want      string
	}{
		"a write":                {func(s *session.Session) { s.Set("late", 1) }, `{"early":1,"late":1}`},
		"Rollback":               {(*session.Session).Rollback, `{}`},
		"Rollback, then a write": {func(s *session.Session) { s.Rollback(); s.Set("late", 1) }, `{"late":1}`},
		"Invalidate":             {(*session.Session).Invalidate, `{}`},
		"Invalidate, a write":    {func(s *session.Session) { s.Invalidate(); s.Set("late", 1) }, `{"late":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			old := stored(t, m, func(s *session.Session) { s.Login("ada"); s.Set("old", 1) })
			s := load(t, m, old)
			s.Invalidate()
			s.Set("early", 1)
			store.mu.Lock()
			store.before = func(op string, _ session.ID) error {
				if op == "update" { // of the old record, to an ended one
					store.mu.Lock()
					store.before = nil
					store.mu.Unlock()
					c.meanwhile(s)
				}
				return nil
			}
			store.mu.Unlock()
			var token session.Token
			for range 2 { // the second one is that at the end of a request
				cookie, err := m.Commit(ctx, s)
				if err != nil {
					t.Fatal(err)
				}
				if cookie != nil {
					token = session.Token(cookie.Value)
				}
			}
			if after := load(t, m, old); !after.IsNew() {
				t.Error("the session that was logged out is there")
			}
			after := load(t, m, token)
			if got, _ := json.Marshal(after.All()); string(got) != c.want || after.Owner() != "" {
				t.Errorf("stored: %s of owner %q, want %s of nobody", got, after.Owner(), c.want)
			}
		})
	}
}

// TestLoginDuringALogout: a login that comes while the commit before it is under way gets
// a token of its own, as it does at any other time.
func TestLoginDuringALogout(t *testing.T) {
	store := newSpyStore()
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("old", 1) }))
	s.Invalidate()
	s.Set("early", 1)
	store.before = func(op string, _ session.ID) error {
		if op == "update" {
			store.mu.Lock()
			store.before = nil
			store.mu.Unlock()
			s.Login("ada")
		}
		return nil
	}
	first, err := m.Commit(ctx, s)
	if err != nil || first == nil {
		t.Fatalf("Commit = %v, %v; want a cookie", first, err)
	}
	second, err := m.Commit(ctx, s)
	if err != nil || second == nil || second.Value == first.Value {
		t.Fatalf("Commit of the login = %v, %v; want another token", second, err)
	}
	if got := load(t, m, session.Token(first.Value)).Owner(); got != "" {
		t.Errorf("the token from before the login reaches the session of %q", got)
	}
	if got := load(t, m, session.Token(second.Value)).Owner(); got != "ada" {
		t.Errorf("owner %q, want ada", got)
	}
}

// TestUpdateMayReadANewSession: an Update function that runs in the commit reads the
// session, also if there is none stored yet.
func TestUpdateMayReadANewSession(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.FlashNow("notice", "hello") // so that the commit runs the function again
		s.Set("step", 2)
		session.Update(s, "n", func(n int) int { return n + session.Get(s, "step", 0) })
	})
	if n := session.Get(load(t, m, token), "n", 0); n != 2 {
		t.Errorf("n = %d, want 2", n)
	}
}

// TestMismatchDuringACommit: the report of a value of another type reads what a commit
// on another goroutine replaces. It is the race detector that finds fault.
func TestMismatchDuringACommit(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("n", "no number") }))
	var commits atomic.Int64
	var updated atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; !updated.Load(); i++ {
			s.Set("i", i)
			if _, err := m.Commit(ctx, s); err != nil {
				t.Error(err)
			}
			commits.Add(1)
		}
	})
	all.Go(func() {
		defer updated.Store(true)
		session.Update(s, "n", func(int) int {
			for before := commits.Load(); commits.Load() < before+2; { // an atomic that the commits do not wait for
				runtime.Gosched()
			}
			return 1
		})
	})
	all.Wait()
}

// TestRollbackDuringAFailedCommit: a new token that Rollback has dropped is not made by
// the next commit.
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

// TestLogoutStaysWithoutTheNewSession: a logout is stored before the session that the
// request begins after it, which may be tried again.
func TestLogoutStaysWithoutTheNewSession(t *testing.T) {
	store := newSpyStore()
	m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	old := stored(t, m, func(s *session.Session) { s.Login("ada") })
	s := load(t, m, old)
	s.Invalidate()
	s.Set("a", 1)
	store.before = func(op string, _ session.ID) error {
		if op == "create" {
			return session.ErrFull
		}
		return nil
	}
	if c, err := m.Commit(ctx, s); !errors.Is(err, session.ErrFull) || c != nil {
		t.Fatalf("Commit = %v, %v; want ErrFull", c, err)
	}
	if !load(t, m, old).IsNew() {
		t.Error("the session that was logged out is there")
	}
	store.before = nil
	c, err := m.Commit(ctx, s)
	if err != nil || c == nil {
		t.Fatalf("Commit = %v, %v; want a cookie", c, err)
	}
	if after := load(t, m, session.Token(c.Value)); session.Get(after, "a", 0) != 1 || after.Owner() != "" {
		t.Errorf("stored: %v of %q", after.All(), after.Owner())
	}
}
