package fallbackstore_test

import (
	"context"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/memstore"
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
