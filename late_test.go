package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
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
