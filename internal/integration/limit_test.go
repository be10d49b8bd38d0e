package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
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

// TestField16RevokeOwner: a long list of sessions ends, whatever keeps them, and none but
// those of the owner.
func TestField16RevokeOwner(t *testing.T) {
	const many = 300
	everyStore(t, func(t *testing.T, store session.Store) {
		m, err := session.New(store, session.Config{PruneEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		login := func(owner string) session.ID {
			s, err := m.Load(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			s.Login(owner)
			if _, err := m.Commit(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			return s.ID()
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range many / 10 {
					login("ada")
				}
			})
		}
		wg.Wait()
		kept, others := login("ada"), []session.ID{login("ada "), login("Ada"), login("bob")}
		if n, err := m.RevokeOwner(t.Context(), "ada", kept); n != many || err != nil {
			t.Errorf("RevokeOwner = %d, %v; want %d", n, err, many)
		}
		var left []session.ID
		for info, err := range m.ListAll(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			left = append(left, info.ID)
		}
		if len(left) != 4 {
			t.Errorf("%d sessions are left, want 4", len(left))
		}
		for _, id := range append(others, kept) {
			if !slices.Contains(left, id) {
				t.Errorf("session %v is gone", id)
			}
		}
	})
}

// TestAttackS7EveryStore: no sign-in with an old password outlives a password change and
// RevokeOwner, whatever keeps the sessions, and whichever process serves the thief.
func TestAttackS7EveryStore(t *testing.T) {
	everyStore(t, func(t *testing.T, store session.Store) {
		var managers []*session.Manager
		for range 2 {
			m, err := session.New(store, session.Config{PruneEvery: -1})
			if err != nil {
				t.Fatal(err)
			}
			managers = append(managers, m)
		}
		for run := range 5 {
			var changed atomic.Bool // the password
			var thieves sync.WaitGroup
			tries := make(chan struct{}, 1000)
			for i := range 4 {
				m := managers[i%2]
				thieves.Go(func() {
					for !changed.Load() {
						s, err := m.Load(t.Context(), "")
						if err != nil {
							t.Error(err)
							return
						}
						s.Login("ada", session.OnlyIf(func(context.Context) (bool, error) { return !changed.Load(), nil }))
						if _, err := m.Commit(t.Context(), s); err != nil && !errors.Is(err, session.ErrEnded) {
							t.Error(err)
						}
						select {
						case tries <- struct{}{}:
						default:
						}
					}
				})
			}
			for range 5 + run {
				<-tries
			}
			changed.Store(true)
			if _, err := managers[0].RevokeOwner(t.Context(), "ada"); err != nil {
				t.Error(err)
			}
			thieves.Wait()
			for info, err := range managers[0].List(t.Context(), "ada") {
				t.Fatalf("run %d: a session of the thief is left: %v, %v", run, info.ID, err)
			}
		}
	})
}
