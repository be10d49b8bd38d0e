package session_test

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// TestInvalidTextBesideACycle: the look for invalid UTF-8 does not follow what is
// not encoded.
func TestInvalidTextBesideACycle(t *testing.T) {
	type value struct {
		cache *list.List
		Name  string
	}
	l := list.New()
	for range 100 {
		l.PushBack(l)
	}
	s := newSession(t)
	s.Set("x", value{l, "\xff"})
	var ve *session.ValueError
	if !errors.As(s.Err(), &ve) {
		t.Errorf("Err = %v, want a *ValueError", s.Err())
	}
}

// stored makes a session with some data, and returns its token.
func stored(t *testing.T, m *session.Manager, seed func(*session.Session)) session.Token {
	t.Helper()
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	seed(s)
	c, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return session.Token(c.Value)
}

func load(t *testing.T, m *session.Manager, token session.Token) *session.Session {
	t.Helper()
	s, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOldTokenCannotLogOut: a request that came with the token from before a login
// cannot end the session of that login.
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

// TestLogoutTwice: two logouts at once are both fine.
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

// TestLogoutWithTooMuchData changes nothing at all.
func TestLogoutWithTooMuchData(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: 100, PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) { s.Login("ada") })
	s := load(t, m, token)
	s.Invalidate()
	s.Set("x", strings.Repeat("x", 80))
	s.Set("y", strings.Repeat("y", 80))
	if _, err := m.Commit(t.Context(), s); !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("error = %v, want ErrTooLarge", err)
	}
	if load(t, m, token).Owner() != "ada" {
		t.Error("the old session is gone")
	}
}

// TestFlashInsideOfAList: a message whose value was replaced by a list above it is
// no obstacle to later commits.
func TestFlashInsideOfAList(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.Flash("a.0", "x")
		session.Update(s, "a", func(any) any { return []int{1, 2} })
	})
	for i := range 3 {
		s := load(t, m, token)
		s.FlashNow("now", 1)
		s.Set("n", i)
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	version := load(t, m, token)
	if _, err := m.Commit(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if got := session.Get(load(t, m, token), "a", []int(nil)); len(got) != 2 {
		t.Errorf("a = %v", got)
	}
}

// TestUpdateThatWrites: a function that writes elsewhere runs once, and one that
// writes to its own value is told off.
func TestUpdateThatWrites(t *testing.T) {
	s := newSession(t)
	runs := 0
	session.Update(s, "n", func(n int) int {
		runs++
		s.Set("other", n)
		return n + 1
	})
	if runs != 1 || session.Get(s, "n", 0) != 1 || !s.Has("other") || s.Err() != nil {
		t.Errorf("%d runs, data %v, error %v", runs, s.All(), s.Err())
	}
	session.Update(s, "n", func(n int) int {
		session.Update(s, "n", func(n int) int { return n + 1 })
		return n + 1
	})
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), `Update of "n"`) {
		t.Errorf("Err = %v", err)
	}
}

// TestFailedCommitBehindAProxy: the client sees the error answer although the proxy
// aborts.
func TestFailedCommitBehindAProxy(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }))
	defer back.Close()
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: 10, PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("a", 1)
		s.Set("b", "too large")
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	resp, err := front.Client().Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusInternalServerError || string(body) != "Internal Server Error\n" {
		t.Errorf("status %d, body %q, error %v", resp.StatusCode, body, err)
	}
}

// TestErrorDropsTheChanges: a handler that answers its own error is not answered
// over by the commit's.
func TestErrorDropsTheChanges(t *testing.T) {
	handled := 0
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1,
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			handled++
			http.Error(w, "no such text", http.StatusUnprocessableEntity)
		}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("text", "\xff")
		if err := s.Err(); err != nil {
			session.Error(w, r, err)
		}
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusUnprocessableEntity || handled != 1 {
		t.Errorf("status %d, error handler called %d times", w.Code, handled)
	}
}

// TestSetBelowFlashNow is stored like any other change.
func TestSetBelowFlashNow(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.Set("a.x", 1) })
	s := load(t, m, token)
	s.FlashNow("a", map[string]int{})
	s.Set("a.b", 2)
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := load(t, m, token).All(); fmt.Sprint(got) != "map[a:map[b:2 x:1]]" {
		t.Errorf("stored %v", got)
	}
}

// TestRollbackDuringACommit loses nothing of what the commit has stored.
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

// TestListNeedsAnOwner: a visitor who is not signed in does not see everybody.
func TestListNeedsAnOwner(t *testing.T) {
	m := newManager()
	stored(t, m, func(s *session.Session) { s.Login("ada") })
	for i, err := range m.List(t.Context(), "") {
		if err == nil {
			t.Errorf("listed %v", i.ID)
		}
	}
	n := 0
	for range m.ListAll(t.Context()) {
		n++
	}
	if n != 1 {
		t.Errorf("ListAll yielded %d", n)
	}
}

// TestTooManyFlashMessages are refused, with nothing stored.
func TestTooManyFlashMessages(t *testing.T) {
	s := newSession(t)
	for i := range 257 {
		s.Flash(fmt.Sprint("m", i), 1)
	}
	if !errors.Is(s.Err(), session.ErrTooLarge) {
		t.Errorf("Err = %v, want ErrTooLarge", s.Err())
	}
}

// TestClosedManager: nothing is stored after Close, not even by a request that was
// under way, and a session that is over keeps nothing in silence.
func TestClosedManagerStoresNothing(t *testing.T) {
	m := newManager()
	w := httptest.NewRecorder()
	var kept *session.Session
	m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		kept = s
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s.Set("a", 1)
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	kept.Rollback()
	kept.Set("b", 1)
	if !errors.Is(kept.Err(), session.ErrCommitted) {
		t.Errorf("Err after the request = %v, want ErrCommitted", kept.Err())
	}
}

// TestOutageIsLogged: a store that is down while sessions are loaded is not known
// from the clients' complaints only.
func TestOutageIsLogged(t *testing.T) {
	var log strings.Builder
	down := errors.New("connection refused")
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "load" {
			return down
		}
		return next()
	})
	m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	if _, err := m.Load(t.Context(), token); !errors.Is(err, down) {
		t.Errorf("error = %v", err)
	}
	if !strings.Contains(log.String(), down.Error()) || strings.Contains(log.String(), string(token)) {
		t.Errorf("log = %q", &log)
	}
}
