package session_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// TestErrorTexts checks that every error text is one line and names the package once,
// at the beginning.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: 60, PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(do func(*session.Session)) error {
		s := load(t, m, "")
		do(s)
		_, err := m.Commit(t.Context(), s)
		return err
	}
	_, notFound := m.Info(t.Context(), session.ID{1})
	_, noID := session.ParseID("x")
	_, ofNil := m.Commit(t.Context(), nil)
	_, noStore := session.New(nil, session.Config{})
	for name, err := range map[string]error{
		"path":     commit(func(s *session.Session) { s.Set("a..b", 1) }),
		"value":    commit(func(s *session.Session) { s.Set("a", func() {}) }),
		"UTF-8":    commit(func(s *session.Session) { s.Set("a", "\xff") }),
		"size":     commit(func(s *session.Session) { s.Set("a", strings.Repeat("x", 100)) }),
		"sum":      commit(func(s *session.Session) { s.Set("a", strings.Repeat("x", 50)); s.Set("b", strings.Repeat("x", 50)) }),
		"list":     commit(func(s *session.Session) { s.Set("a", []int{1}); s.Set("a.b", 1) }),
		"append":   commit(func(s *session.Session) { s.Set("a", 1); s.Append("a", 1) }),
		"confirm":  commit(func(s *session.Session) { s.Confirm() }),
		"owner":    commit(func(s *session.Session) { s.Login("") }),
		"timeouts": commit(func(s *session.Session) { s.SetTimeouts(1e18, 1e18) }),
		"decode":   load(t, m, "").Decode("a", new(int)),
		"type":     typeMismatch(t, m),
		"info":     notFound, "id": noID, "nil session": ofNil, "nil store": noStore,
		"store": &session.StoreError{Op: "load", Err: fmt.Errorf("session: %w", io.ErrUnexpectedEOF)},
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, "session: ") || strings.Count(text, "session: ") != 1 || strings.Contains(text, "\n") {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func typeMismatch(t *testing.T, m *session.Manager) error {
	t.Helper()
	s := load(t, m, "")
	s.Set("a", "text")
	return s.Decode("a", new(int))
}

// TestDefaultErrorAdvises checks that each error response tells the visitor what
// happened.
func TestDefaultErrorAdvises(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		advice string
	}{
		{session.ErrCrossOrigin, http.StatusForbidden, "another site"},
		{session.ErrAnonymous, http.StatusUnauthorized, "Sign in"},
		{session.ErrEnded, http.StatusConflict, "Reload the page"},
		{&session.StoreError{Op: "load", Err: io.ErrUnexpectedEOF}, http.StatusServiceUnavailable, "Check before you try again"},
		{session.ErrClosed, http.StatusServiceUnavailable, "Check before you try again"},
		{session.ErrNotFound, http.StatusNotFound, "no such session"},
		{errors.New("secret detail"), http.StatusInternalServerError, "Nothing was saved"},
	} {
		w := httptest.NewRecorder()
		session.DefaultError(w, httptest.NewRequest("GET", "/", nil), c.err)
		if body := w.Body.String(); w.Code != c.status || !strings.Contains(body, c.advice) || strings.Contains(body, "secret") {
			t.Errorf("%v: %d %q", c.err, w.Code, body)
		}
	}
}
