package integration

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/expanse-go/session"
)

// In every store, an owner keeps at most Config.MaxPerOwner sessions, those that were
// active last. Simultaneous logins may leave more; the next login ends them.
func TestMaxPerOwner(t *testing.T) {
	const most, logins = 3, 12
	everyStore(t, func(t *testing.T, store session.Store) {
		m, err := session.New(store, session.Config{MaxPerOwner: most, PruneEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close(context.Background()) })
		var all *rendezvous
		mux := http.NewServeMux()
		mux.Handle("/login", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("name", "Ada")
			s.Login("ada")
		}))
		mux.Handle("/at-once", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			all.wait()
			s.Login("ada")
		}))
		mux.Handle("/stranger", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("Ada") }))
		mux.Handle("/show", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			fmt.Fprintf(w, "%q %v", s.Owner(), s.All())
		}))
		site := &site{t, mux, store}

		_, stranger := site.must("/stranger", nil)
		var cookies []*http.Cookie
		for range most + 2 {
			_, c := site.must("/login", nil)
			cookies = append(cookies, c)
		}
		for i, c := range cookies {
			want := `"ada" map[name:Ada]`
			if i < 2 {
				want = `"" map[]`
			}
			if got, _ := site.must("/show", c); got != want {
				t.Errorf("session %d: got %s, want %s", i, got, want)
			}
		}

		all = meet(logins)
		var wg sync.WaitGroup
		for range logins {
			wg.Go(func() {
				if w, _ := site.do("/at-once", nil); w.Code != http.StatusOK {
					t.Errorf("login: status %d: %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		_, last := site.must("/login", nil)
		left := 0
		for _, err := range m.List(t.Context(), "ada") {
			if err != nil {
				t.Fatal(err)
			}
			left++
		}
		if left != most {
			t.Errorf("%d sessions are left, want %d", left, most)
		}
		for _, c := range []*http.Cookie{last, stranger} {
			if got, _ := site.must("/show", c); got == `"" map[]` {
				t.Error("the session of the last login, or that of another owner, is gone")
			}
		}
	})
}
