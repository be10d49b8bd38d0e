package session_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// TestCreateAgain: if the result of a Create is lost and the commit is retried with
// more changes, the store has only one record.
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

// TestWriteDuringALogout: a write by another goroutine, while the commit ends the old
// session, belongs to the new session, like all writes after Invalidate.
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
				if op == "update" { // which marks the old record as ended
					store.mu.Lock()
					store.before = nil
					store.mu.Unlock()
					c.meanwhile(s)
				}
				return nil
			}
			store.mu.Unlock()
			var token session.Token
			for range 2 { // the second commit is that of the end of the request
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

// TestLoginDuringALogout: a login during the commit of an earlier change gets a new
// token, as it does at any other time.
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

// TestLogoutStaysWithoutTheNewSession: a logout is stored before the new session that
// the request starts after it, and stays if the new session fails. The new session can
// be retried.
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

// TestOldTokenCannotLogOut: a request with the token from before a login cannot end the
// session of that login.
func TestOldTokenCannotLogOut(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	late, login := load(t, m, token), load(t, m, token)
	login.Login("ada")
	c, err := m.Commit(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	late.Invalidate()
	late.Set("planted", 1)
	if c, err := m.Commit(t.Context(), late); !errors.Is(err, session.ErrEnded) || c != nil {
		t.Errorf("logout by the old token: cookie %v, error %v; want none and ErrEnded", c, err)
	}
	if s := load(t, m, session.Token(c.Value)); s.Owner() != "ada" {
		t.Error("the login was ended by the old token")
	}
}

// TestLogoutTwice: two concurrent logouts both succeed.
func TestLogoutTwice(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.Login("ada") })
	a, b := load(t, m, token), load(t, m, token)
	for _, s := range []*session.Session{a, b} {
		s.Invalidate()
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Error(err)
		}
	}
}

// TestLawL8LogoutDespiteAFailedWrite: the error of a write never prevents a logout,
// whether the write comes before or after the logout and fails at once or in the
// commit.
func TestLawL8LogoutDespiteAFailedWrite(t *testing.T) {
	for name, do := range map[string]func(*session.Session){
		"a bad path before":                    func(s *session.Session) { s.Set("a..b", 1); s.Invalidate() },
		"a bad path after":                     func(s *session.Session) { s.Invalidate(); s.Set("a..b", 1) },
		"a value that cannot be stored before": func(s *session.Session) { s.Set("f", func() {}); s.Invalidate() },
		"a conflict before":                    func(s *session.Session) { s.Set("list.a", 1); s.Invalidate() },
		"no owner after":                       func(s *session.Session) { s.Invalidate(); s.Login("") },
		"too much data after": func(s *session.Session) {
			s.Invalidate()
			s.Set("x", strings.Repeat("x", 80))
			s.Set("y", strings.Repeat("y", 80))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: 100, PruneEvery: -1})
			if err != nil {
				t.Fatal(err)
			}
			token := stored(t, m, func(s *session.Session) { s.Login("ada"); s.Set("list", []int{1}) })
			s := load(t, m, token)
			do(s)
			_, err = m.Commit(t.Context(), s)
			if failsAfter := strings.HasSuffix(name, "after"); failsAfter != (err != nil) {
				t.Errorf("Commit = %v", err)
			}
			if owner := load(t, m, token).Owner(); owner != "" {
				t.Errorf("the session of %q is still there", owner)
			}
		})
	}
}
