package integration

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
)

// everyStore runs a test on every store, with every driver.
func everyStore(t *testing.T, test func(*testing.T, session.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, memstore.New(memstore.Config{})) })
	t.Run("file", func(t *testing.T) {
		s, err := filestore.Open(filepath.Join(t.TempDir(), "sessions"), filestore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		test(t, s)
	})
	each(t, eachDriver, func(t *testing.T, d database) { test(t, d.store(t)) })
}

// A site is a manager with handlers by path.
type site struct {
	*testing.T
	handler http.Handler
	store   session.Store
}

func newSite(t *testing.T, store session.Store, routes map[string]func(http.ResponseWriter, *http.Request, *session.Session)) *site {
	t.Helper()
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	mux := http.NewServeMux()
	for path, f := range routes {
		mux.Handle(path, m.HandlerFunc(f))
	}
	return &site{t, m.Handler(mux), store}
}

// do sends a request with a cookie, which may be nil, and returns the response and the
// cookie to send next.
func (s *site) do(path string, cookie *http.Cookie) (*httptest.ResponseRecorder, *http.Cookie) {
	r := httptest.NewRequest("POST", path, nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		cookie = c
	}
	return w, cookie
}

// must is do for a request that must succeed. It returns the body and the cookie.
func (s *site) must(path string, cookie *http.Cookie) (string, *http.Cookie) {
	s.Helper()
	w, next := s.do(path, cookie)
	if w.Code != http.StatusOK {
		s.Fatalf("%s: status %d: %s", path, w.Code, w.Body)
	}
	return w.Body.String(), next
}

// A rendezvous blocks until all participants have called wait.
type rendezvous struct {
	wg sync.WaitGroup
}

func meet(n int) *rendezvous {
	var r rendezvous
	r.wg.Add(n)
	return &r
}

func (r *rendezvous) wait() { r.wg.Done(); r.wg.Wait() }

// Fifty requests load the same session, run their handlers at the same time, and leave
// fifty keys and a count of fifty.
func TestFiftyOfFifty(t *testing.T) {
	const requests = 50
	everyStore(t, func(t *testing.T, store session.Store) {
		var all *rendezvous
		s := newSite(t, store, map[string]func(http.ResponseWriter, *http.Request, *session.Session){
			"/start": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("count", 0) },
			"/set": func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
				all.wait()
				s.Set("keys."+r.FormValue("key"), true)
			},
			"/count": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				all.wait()
				session.Update(s, "count", func(n int) int { return n + 1 })
			},
			"/show": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				fmt.Fprint(w, len(session.Get(s, "keys", map[string]bool{})), " ", session.Get(s, "count", 0))
			},
		})
		_, cookie := s.must("/start", nil)
		for _, path := range []string{"/set?key=k", "/count?key="} {
			all = meet(requests)
			var wg sync.WaitGroup
			for i := range requests {
				wg.Go(func() {
					if w, _ := s.do(fmt.Sprint(path, i), cookie); w.Code != http.StatusOK {
						t.Errorf("request %d: status %d: %s", i, w.Code, w.Body)
					}
				})
			}
			wg.Wait()
		}
		if got, _ := s.must("/show", cookie); got != "50 50" {
			t.Errorf("got %s (keys and count), want 50 50", got)
		}
	})
}

// A request that runs during a logout or a login does not bring the old session back.
func TestSlowRequestRevivesNothing(t *testing.T) {
	for _, end := range []string{"/logout", "/login"} {
		t.Run(end[1:], func(t *testing.T) {
			everyStore(t, func(t *testing.T, store session.Store) {
				loaded, ended := make(chan struct{}), make(chan struct{})
				s := newSite(t, store, map[string]func(http.ResponseWriter, *http.Request, *session.Session){
					"/start":  func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("name", "guest") },
					"/login":  func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") },
					"/logout": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() },
					"/slow": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
						close(loaded)
						<-ended
						s.Set("late", true)
					},
					"/show": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
						fmt.Fprintf(w, "%v %v %q", s.All(), s.IsNew(), s.Owner())
					},
				})
				_, cookie := s.must("/start", nil)
				slow := make(chan *httptest.ResponseRecorder)
				go func() {
					w, _ := s.do("/slow", cookie)
					slow <- w
				}()
				<-loaded
				_, next := s.must(end, cookie)
				close(ended)
				w := <-slow
				if w.Code != http.StatusConflict || w.Header()["Set-Cookie"] != nil {
					t.Errorf("slow request: got status %d and cookies %q, want 409 and none", w.Code, w.Header()["Set-Cookie"])
				}
				if got, _ := s.must("/show", cookie); got != `map[] true ""` {
					t.Errorf("the old cookie reaches %s", got)
				}
				want := `map[] true ""`
				if end == "/login" {
					want = `map[name:guest] false "ada"`
				}
				if got, _ := s.must("/show", next); got != want {
					t.Errorf("the new cookie reaches %s, want %s", got, want)
				}
				if got, want := owners(t, store), map[string][]string{"/logout": nil, "/login": {"ada"}}[end]; !slices.Equal(got, want) {
					t.Errorf("records of %q are stored, want %q", got, want)
				}
			})
		})
	}
}

func owners(t *testing.T, store session.Store) (owners []string) {
	t.Helper()
	for r, err := range session.List(t.Context(), store) {
		if err != nil {
			t.Fatal(err)
		}
		owners = append(owners, r.Owner)
	}
	return owners
}

// Two managers on one database, like those of two processes, lose no writes.
func TestTwoManagersKeepEachOthersWrites(t *testing.T) {
	const rounds = 25
	each(t, eachDriver, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		routes := map[string]func(http.ResponseWriter, *http.Request, *session.Session){
			"/start": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", 0) },
			"/add": func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
				session.Update(s, "n", func(n int) int { return n + 1 })
				s.Append("by", r.FormValue("by"))
			},
			"/show": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				fmt.Fprint(w, session.Get(s, "n", 0), " ", len(session.Get(s, "by", []string{})))
			},
		}
		var sites []*site
		for range 2 {
			sites = append(sites, newSite(t, open(t, db, d.dialect, cfg), routes))
		}
		_, cookie := sites[0].must("/start", nil)
		var wg sync.WaitGroup
		for i, s := range sites {
			wg.Go(func() {
				for range rounds {
					if w, _ := s.do(fmt.Sprint("/add?by=", i), cookie); w.Code != http.StatusOK {
						t.Errorf("manager %d: status %d: %s", i, w.Code, w.Body)
					}
				}
			})
		}
		wg.Wait()
		if got, _ := sites[0].must("/show", cookie); got != "50 50" {
			t.Errorf("got %s (count and length), want 50 50", got)
		}
	})
}
