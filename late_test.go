package session_test

import (
	"net/http"
	"net/http/httptest"
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
