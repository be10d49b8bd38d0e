// Package watchcheck checks that a watch of a session ends when another manager, such as that
// of another process, ends the session or replaces its token. It is for the tests of stores.
package watchcheck

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// Patience is far more than a watch takes to end.
const Patience = time.Minute

// Managers watches sessions of one manager, and changes them through another one on the same
// data.
func Managers(t *testing.T, m, other *session.Manager) {
	t.Helper()
	ada, ben, eve := Login(t, other, "ada"), Login(t, other, "ben"), Login(t, other, "eve")
	out, again, all, goesOn := Watch(t, m, ada), Watch(t, m, ben), Watch(t, m, eve), Watch(t, m, Login(t, other, "sam"))
	ada = Change(t, other, ada, func(s *session.Session) { s.Set("k", 1) })
	Change(t, other, ada, (*session.Session).Invalidate)
	Ends(out, t, session.ErrEnded)
	Change(t, other, ben, func(s *session.Session) { s.Login("ben") })
	Ends(again, t, session.ErrReplaced)
	if n, err := other.RevokeOwner(t.Context(), "eve"); n != 1 || err != nil {
		t.Errorf("RevokeOwner = %d, %v; want 1", n, err)
	}
	Ends(all, t, session.ErrEnded)
	if goesOn.Err() != nil {
		t.Error("a watch of another session has ended:", context.Cause(goesOn))
	}
}

// Login stores a session of an owner, and returns its token.
func Login(tb testing.TB, m *session.Manager, owner string) session.Token {
	tb.Helper()
	return Change(tb, m, "", func(s *session.Session) { s.Login(owner) })
}

// Change changes the session of a token, and returns the token to use next.
func Change(tb testing.TB, m *session.Manager, token session.Token, f func(*session.Session)) session.Token {
	tb.Helper()
	s, err := m.Load(context.Background(), token)
	if err != nil {
		tb.Fatal(err)
	}
	f(s)
	c, err := m.Commit(context.Background(), s)
	if err != nil {
		tb.Fatal(err)
	}
	if c == nil {
		return token
	}
	return session.Token(c.Value)
}

// Watch watches a session until the end of the test.
func Watch(t *testing.T, m *session.Manager, token session.Token) context.Context {
	t.Helper()
	s, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := s.Watch(t.Context())
	t.Cleanup(cancel)
	return ctx
}

// Ends waits until a watch ends, and checks why.
func Ends(ctx context.Context, t *testing.T, want error) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(Patience):
		t.Fatal("the watch goes on")
	}
	if got := context.Cause(ctx); !errors.Is(got, want) {
		t.Errorf("the cause is %v, want %v", got, want)
	}
}
