package sessionmigrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessiontest"
)

// A shelf is a source whose cookie "old" is the key.
type shelf struct {
	mu   sync.Mutex
	olds map[string]sessionmigrate.Old
	err  error // of Load
}

func (s *shelf) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie("old")
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	return keyOf(c.Value), true
}

func keyOf(token string) sessionmigrate.Key { return sessionmigrate.Key{ID: token, Secret: token} }

func (s *shelf) Load(_ context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return sessionmigrate.Old{}, s.err
	}
	old, ok := s.olds[k.ID]
	if !ok {
		return sessionmigrate.Old{}, session.ErrNotFound
	}
	old.Key = k
	return old, nil
}

func (s *shelf) List(context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		for id, old := range s.olds {
			old.Key = keyOf(id)
			if !yield(old, nil) {
				return
			}
		}
	}
}

// A gated store runs a hook before each Create.
type gated struct {
	session.Store
	create func(session.Record)
	fail   func(session.Record) error // after the effect
}

func (s *gated) Create(ctx context.Context, r session.Record) error {
	if s.create != nil {
		s.create(r)
	}
	err := s.Store.Create(ctx, r)
	if err == nil && s.fail != nil {
		err = s.fail(r)
	}
	return err
}

func (s *gated) Unwrap() session.Store { return s.Store }

// A world is an application that takes sessions over.
type world struct {
	*testing.T
	clock   *sessiontest.Clock
	old     *shelf
	store   session.Store
	manager *session.Manager
	by      *sessionmigrate.Migration
	handler http.Handler
	log     bytes.Buffer
}

var began = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, store session.Store, change ...func(*session.Config, *sessionmigrate.Config)) *world {
	t.Helper()
	w := &world{T: t, clock: sessiontest.NewClock(began), store: store}
	w.old = &shelf{olds: map[string]sessionmigrate.Old{
		"ana": {Values: map[string]any{"user_id": 42, "cart": []string{"tea", "milk"}, "a.b": 1}},
	}}
	w.handler, w.manager, w.by = w.process(change...)
	return w
}

// process starts one more process of the application.
func (w *world) process(change ...func(*session.Config, *sessionmigrate.Config)) (http.Handler, *session.Manager, *sessionmigrate.Migration) {
	w.Helper()
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	cfg := session.Config{Now: w.clock.Now, PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)}
	mcfg := sessionmigrate.Config{Now: w.clock.Now, Until: began.Add(30 * 24 * time.Hour), Owner: sessionmigrate.OwnerKey("user_id"), Logger: log}
	for _, f := range change {
		f(&cfg, &mcfg)
	}
	by, err := sessionmigrate.New(w.store, w.old, mcfg)
	if err != nil {
		w.Fatal(err)
	}
	cfg.TakeOver = by.TakeOver
	m, err := session.New(w.store, cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { m.Close(context.Background()) })
	mux := http.NewServeMux()
	mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", m.HandlerFunc(func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
		switch r.URL.Path {
		case "/set":
			s.Set(r.URL.Query().Get("key"), 1)
		case "/login":
			s.Login("43")
		case "/logout":
			s.Invalidate()
		case "/since":
			fmt.Fprint(rw, s.AuthenticatedAt().IsZero())
			return
		}
		fmt.Fprintf(rw, "%s %v", s.Owner(), s.All())
	}))
	h := m.Handler(mux)
	return h, m, by
}

// A reply is a response.
type reply struct {
	code   int
	body   string
	header http.Header
	cookie *http.Cookie // of the new library
}

func (w *world) do(h http.Handler, path string, cookies ...string) reply {
	r := httptest.NewRequest("GET", path, nil)
	for _, c := range cookies {
		r.Header.Add("Cookie", c)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	out := reply{code: rec.Code, body: rec.Body.String(), header: rec.Header()}
	for _, c := range rec.Result().Cookies() {
		out.cookie = c
	}
	return out
}

func (w *world) get(path string, cookies ...string) reply { return w.do(w.handler, path, cookies...) }

func (r reply) sent() string { return r.cookie.Name + "=" + r.cookie.Value }

// sessions returns the IDs of the sessions in the store.
func (w *world) sessions() (ids []string) {
	w.Helper()
	for i, err := range w.manager.ListAll(w.Context()) {
		if err != nil {
			w.Fatal(err)
		}
		ids = append(ids, i.ID.String())
	}
	return ids
}

const anas = `42 map[a.b:1 cart:[tea milk] user_id:42]`

func mem() session.Store { return memstore.New(memstore.Config{}) }

func TestTakeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	if r := w.get("/nothing", "old=ana"); r.cookie != nil || len(w.sessions()) != 0 {
		t.Errorf("a request that asks for no session: cookie %v, sessions %v", r.cookie, w.sessions())
	}
	r := w.get("/", "old=ana")
	if r.body != anas || r.cookie == nil || r.header.Get("Vary") != "Cookie" || r.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %q, headers %v", r.body, r.header)
	}
	if strings.Contains(r.cookie.Value, "ana") || r.cookie.MaxAge < 3600 || !r.cookie.Secure {
		t.Errorf("cookie %v", r.cookie)
	}
	if again := w.get("/", "old=ana"); again.body != anas || again.cookie == nil || again.cookie.Value != r.cookie.Value {
		t.Errorf("the old cookie again: %q, cookie %v", again.body, again.cookie)
	}
	if next := w.get("/", "old=ana", r.sent()); next.body != anas || next.cookie != nil {
		t.Errorf("both cookies: %q, cookie %v", next.body, next.cookie)
	}
	if got := w.get("/since", r.sent()); got.body != "true" {
		t.Errorf("AuthenticatedAt is known: the login took place in the old library")
	}
	if ids := w.sessions(); len(ids) != 1 {
		t.Errorf("sessions %v", ids)
	}
}

func TestUnknownIsNotAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	w.old.olds["late"] = sessionmigrate.Old{Values: map[string]any{"user_id": 1}, ExpiresAt: began}
	for _, old := range []string{"unknown", "late"} {
		r := w.get("/set?key=x", "old="+old)
		if r.body != " map[x:1]" || strings.Contains(r.cookie.Value, old) {
			t.Errorf("%s: %q, cookie %v", old, r.body, r.cookie)
		}
		if again := w.get("/", "old="+old); again.body != " map[]" {
			t.Errorf("%s leads to a session: %q", old, again.body)
		}
	}
}

func TestUntil(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	w.clock.Advance(30 * 24 * time.Hour)
	if r := w.get("/", "old=ana"); r.body != " map[]" {
		t.Errorf("after Until: %q", r.body)
	}
}

// What ends the new session ends the old one, which still exists.
func TestEndedStaysEnded(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, r reply){
		"logout":                     func(w *world, r reply) { w.get("/logout", r.sent()) },
		"logout with the old cookie": func(w *world, _ reply) { w.get("/logout", "old=ana") },
		"revoke":                     func(w *world, _ reply) { _, _ = w.manager.RevokeOwner(w.Context(), "42") },
		"expiry":                     func(w *world, _ reply) { w.clock.Advance(3 * time.Hour) },
		"expiry and prune": func(w *world, _ reply) {
			w.clock.Advance(4 * time.Hour)
			if n, err := w.manager.Prune(w.Context()); n == 0 || err != nil {
				w.Errorf("pruned %d, %v", n, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, mem())
			end(w, w.get("/", "old=ana"))
			if r := w.get("/", "old=ana"); r.body != " map[]" || r.cookie != nil {
				t.Errorf("the old cookie: %q, cookie %v", r.body, r.cookie)
			}
			if out, err := w.by.Import(t.Context(), w.manager, sessionmigrate.Old{Key: keyOf("ana"), Values: map[string]any{"user_id": 42}}); out != sessionmigrate.Present || err != nil {
				t.Errorf("Import: %v, %v", out, err)
			}
			if ids := w.sessions(); len(ids) != 0 {
				t.Errorf("sessions %v", ids)
			}
		})
	}
}

// A login replaces the token: the old cookie no longer signs in, and its late responses do not
// replace the new cookie.
func TestLoginRotates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	r := w.get("/", "old=ana")
	next := w.get("/login", r.sent())
	if next.cookie == nil || next.cookie.Value == r.cookie.Value {
		t.Fatalf("the login sent %v", next.cookie)
	}
	if got := w.get("/", "old=ana"); got.cookie != nil || strings.HasPrefix(got.body, "4") {
		t.Errorf("the old cookie after a login: %q, cookie %v", got.body, got.cookie)
	}
}

// A request that has taken a session over is answered after another request has logged in.
func TestSlowRequestDuringLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	token := w.get("/", "old=ana").sent()
	in, out := make(chan bool), make(chan bool)
	slow := w.manager.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request, s *session.Session) {
		close(in)
		<-out
		fmt.Fprint(rw, s.Owner())
	})
	got := make(chan reply)
	go func() { got <- w.do(slow, "/", "old=ana") }()
	<-in
	w.get("/login", token)
	close(out)
	if r := <-got; r.body != "42" || r.cookie != nil {
		t.Errorf("the slow response: %q, with the cookie %v, which replaces that of the login", r.body, r.cookie)
	}
}

// Fifty requests with the old cookie, in two processes, each write a key of their own.
func TestConcurrentTakeOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	second, _, _ := w.process()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			h := w.handler
			if i%2 == 1 {
				h = second
			}
			if r := w.do(h, fmt.Sprintf("/set?key=k%d", i), "old=ana"); r.code != 200 || !strings.HasPrefix(r.body, "42 ") {
				t.Errorf("request %d: %d %q", i, r.code, r.body)
			}
		})
	}
	wg.Wait()
	r := w.get("/", "old=ana")
	for i := range 50 {
		if !strings.Contains(r.body, fmt.Sprintf("k%d:1", i)) {
			t.Errorf("the write of request %d is lost", i)
		}
	}
	if ids := w.sessions(); len(ids) != 1 {
		t.Errorf("sessions %v", ids)
	}
}

// Two processes have each made a session before either makes the mark. One of them wins, and
// both requests go on with its session.
func TestBothMakeASession(t *testing.T) {
	t.Parallel()
	var both sync.WaitGroup
	both.Add(2)
	store := &gated{Store: mem()}
	w := newWorld(t, store)
	second, _, _ := w.process()
	store.create = func(r session.Record) {
		if sessionmigrate.IsMark(r) {
			both.Done()
			both.Wait()
		}
	}
	var got [2]reply
	var wg sync.WaitGroup
	for i, h := range []http.Handler{w.handler, second} {
		wg.Go(func() { got[i] = w.do(h, fmt.Sprintf("/set?key=k%d", i), "old=ana") })
	}
	wg.Wait()
	if got[0].cookie == nil || got[1].cookie == nil || got[0].cookie.Value != got[1].cookie.Value {
		t.Errorf("different cookies: %v, %v", got[0].cookie, got[1].cookie)
	}
	if r := w.get("/", "old=ana"); !strings.Contains(r.body, "k0:1") || !strings.Contains(r.body, "k1:1") {
		t.Errorf("a write is lost: %q", r.body)
	}
	if ids := w.sessions(); len(ids) != 1 {
		t.Errorf("sessions %v", ids)
	}
}

// A process is about to make its session and the mark, while another one takes the session over and
// the visitor logs out. It must not bring the session back.
func TestSlowTakeOverDuringLogout(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"session", "mark"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			store := &gated{Store: mem()}
			w := newWorld(t, store)
			second, _, _ := w.process()
			in, out := make(chan bool), make(chan bool)
			var first atomic.Bool
			store.create = func(r session.Record) {
				if sessionmigrate.IsMark(r) == (step == "mark") && first.CompareAndSwap(false, true) {
					close(in)
					<-out
				}
			}
			got := make(chan reply)
			go func() { got <- w.get("/set?key=x", "old=ana") }()
			<-in
			w.do(second, "/logout", w.do(second, "/", "old=ana").sent())
			close(out)
			if r := <-got; strings.HasPrefix(r.body, "42") {
				t.Errorf("signed in after the logout: %q", r.body)
			}
			if r := w.get("/", "old=ana"); strings.HasPrefix(r.body, "42") {
				t.Errorf("signed in again: %q", r.body)
			}
			for i, err := range w.manager.ListAll(t.Context()) {
				if err != nil || i.Owner != "" {
					t.Errorf("the session is back: %v, %v", i, err)
				}
			}
		})
	}
}

// The store's answer to the creation of the mark is lost.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	store := &gated{Store: mem()}
	w := newWorld(t, store)
	store.fail = func(r session.Record) error {
		if sessionmigrate.IsMark(r) {
			return errors.New("connection lost")
		}
		return nil
	}
	r := w.get("/", "old=ana")
	if r.body != anas || r.cookie == nil || len(w.sessions()) != 1 {
		t.Errorf("got %q, cookie %v, sessions %v", r.body, r.cookie, w.sessions())
	}
}

// While the old store is down, the visitor gets an error, and stays signed in.
func TestOldStoreDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	w.old.err = errors.New("connection refused")
	if r := w.get("/set?key=x", "old=ana"); r.code != http.StatusServiceUnavailable || r.cookie != nil {
		t.Errorf("status %d, cookie %v", r.code, r.cookie)
	}
	w.old.err = nil
	if r := w.get("/", "old=ana"); r.body != anas {
		t.Errorf("then %q", r.body)
	}
}

func TestUnmappedValue(t *testing.T) {
	t.Parallel()
	type point struct{ X, Y int }
	olds := func(w *world) *world {
		w.old.olds["ana"].Values["where"] = point{1, 2}
		return w
	}
	t.Run("strict", func(t *testing.T) {
		var failed error
		w := olds(newWorld(t, mem(), func(c *session.Config, _ *sessionmigrate.Config) {
			c.OnEvent = func(_ context.Context, e session.Event) { failed = e.Err }
		}))
		r := w.get("/", "old=ana")
		var value *sessionmigrate.ValueError
		if r.code != http.StatusServiceUnavailable || !errors.As(failed, &value) || value.Key != "where" || value.Type != "sessionmigrate_test.point" {
			t.Errorf("status %d, error %v", r.code, failed)
		}
	})
	t.Run("lenient", func(t *testing.T) {
		w := olds(newWorld(t, mem(), func(_ *session.Config, c *sessionmigrate.Config) { c.Lenient = true }))
		if r := w.get("/", "old=ana"); r.body != anas {
			t.Errorf("got %q", r.body)
		}
		if !strings.Contains(w.log.String(), `where`) {
			t.Errorf("log %q", w.log.String())
		}
	})
	t.Run("mapped", func(t *testing.T) {
		w := olds(newWorld(t, mem(), func(_ *session.Config, c *sessionmigrate.Config) {
			c.Map = func(key string, v any) (any, error) {
				if p, ok := v.(point); ok {
					return map[string]int{"x": p.X}, nil
				}
				if key == "cart" {
					return nil, sessionmigrate.ErrOmit
				}
				return sessionmigrate.Value(key, v)
			}
		}))
		if r := w.get("/", "old=ana"); r.body != "42 map[a.b:1 user_id:42 where:map[x:1]]" {
			t.Errorf("got %q", r.body)
		}
	})
}

func TestUndecodable(t *testing.T) {
	t.Parallel()
	for lenient, code := range map[bool]int{false: http.StatusServiceUnavailable, true: http.StatusOK} {
		w := newWorld(t, mem(), func(_ *session.Config, c *sessionmigrate.Config) { c.Lenient = lenient })
		w.old.err = fmt.Errorf("bad gob: %w", session.ErrCorrupt)
		if r := w.get("/", "old=ana"); r.code != code {
			t.Errorf("lenient %v: status %d", lenient, r.code)
		}
	}
}

// What the manager would refuse is an error that names it, so that "beam migrate-from" goes on with
// the next session, and Lenient applies.
func TestUnstorable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values map[string]any
		config func(*session.Config, *sessionmigrate.Config)
		body   string // if lenient
	}{
		"a key":      {map[string]any{"user_id": 42, "\xff": 1}, nil, "42 map[user_id:42]"},
		"an owner":   {map[string]any{"user_id": strings.Repeat("x", session.MaxOwner+1)}, nil, " map[]"},
		"an owner 0": {map[string]any{"user_id": "a\x00"}, nil, " map[]"},
		"a value": {map[string]any{"user_id": 42}, func(_ *session.Config, c *sessionmigrate.Config) {
			c.Map = func(string, any) (any, error) { return make(chan int), nil }
		}, " map[]"},
		"too large": {map[string]any{"user_id": 42, "big": strings.Repeat("x", 2000)}, func(c *session.Config, _ *sessionmigrate.Config) {
			c.MaxBytes = 1000
		}, " map[]"},
	} {
		for _, lenient := range []bool{false, true} {
			change := []func(*session.Config, *sessionmigrate.Config){func(_ *session.Config, c *sessionmigrate.Config) { c.Lenient = lenient }}
			if test.config != nil {
				change = append(change, test.config)
			}
			w := newWorld(t, mem(), change...)
			w.old.olds["ana"] = sessionmigrate.Old{Values: test.values}
			code, body := http.StatusServiceUnavailable, ""
			if lenient {
				code, body = http.StatusOK, test.body
			}
			r := w.get("/", "old=ana")
			if r.code != code || lenient && r.body != body {
				t.Errorf("%s, lenient %v: %d %q, want %d %q", name, lenient, r.code, r.body, code, body)
			}
			if lenient {
				continue
			}
			old, _ := w.old.Load(t.Context(), keyOf("ana"))
			var value *sessionmigrate.ValueError
			if _, err := w.by.Import(t.Context(), w.manager, old); !errors.As(err, &value) && !errors.Is(err, session.ErrTooLarge) {
				t.Errorf("%s: the import failed with %v", name, err)
			}
		}
	}
}

// A browser that withholds our cookie may send the old one, whose SameSite is weaker.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	w.get("/", "old=ana")
	ask := func(mode string) string {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", "old=ana")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", mode)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		return rec.Body.String()
	}
	if got := ask("no-cors"); got != " map[]" {
		t.Errorf("an image on another site: %q", got)
	}
	if got := ask("navigate"); got != anas {
		t.Errorf("a link on another site: %q", got)
	}
}

// The takeover of a session is no login, so it ends no other session of its owner.
func TestMaxPerOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem(), func(c *session.Config, _ *sessionmigrate.Config) { c.MaxPerOwner = 1 })
	for _, name := range []string{"one", "two", "three"} {
		w.old.olds[name] = sessionmigrate.Old{Values: map[string]any{"user_id": 42}}
		if r := w.get("/", "old="+name); !strings.HasPrefix(r.body, "42 ") {
			t.Errorf("%s: %q", name, r.body)
		}
	}
	if ids := w.sessions(); len(ids) != 3 {
		t.Errorf("sessions %v", ids)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, mem())
	w.old.olds["late"] = sessionmigrate.Old{Values: map[string]any{"user_id": 1}, ExpiresAt: began}
	w.old.olds["empty"] = sessionmigrate.Old{}
	run := func(do func(context.Context, sessionmigrate.Old) (sessionmigrate.Outcome, error)) (outcomes []sessionmigrate.Outcome) {
		for old, err := range w.old.List(t.Context()) {
			out, derr := do(t.Context(), old)
			if err = errors.Join(err, derr); err != nil {
				t.Fatal(err)
			}
			outcomes = append(outcomes, out)
		}
		slices.Sort(outcomes)
		return outcomes
	}
	imports := func(ctx context.Context, old sessionmigrate.Old) (sessionmigrate.Outcome, error) {
		return w.by.Import(ctx, w.manager, old)
	}
	if got := run(w.by.DryRun); !slices.Equal(got, []sessionmigrate.Outcome{sessionmigrate.Taken, sessionmigrate.Taken, sessionmigrate.Expired}) || len(w.sessions()) != 0 {
		t.Errorf("dry run: %v, sessions %v", got, w.sessions())
	}
	if got := run(imports); !slices.Equal(got, []sessionmigrate.Outcome{sessionmigrate.Taken, sessionmigrate.Expired, sessionmigrate.Empty}) {
		t.Errorf("first run: %v", got)
	}
	if got := run(imports); !slices.Equal(got, []sessionmigrate.Outcome{sessionmigrate.Present, sessionmigrate.Expired, sessionmigrate.Empty}) {
		t.Errorf("second run: %v", got)
	}
	w.old.err = errors.New("the old store is gone")
	if r := w.get("/", "old=ana"); r.body != anas || r.cookie == nil {
		t.Errorf("the old cookie: %q, cookie %v", r.body, r.cookie)
	}
	later, _, _ := w.process(func(_ *session.Config, c *sessionmigrate.Config) { c.Imported = true })
	for old, want := range map[string]string{"ana": anas, "unknown": " map[]"} {
		if r := w.do(later, "/", "old="+old); r.body != want {
			t.Errorf("%s, with Imported: %q", old, r.body)
		}
	}
}

// Neither the store nor a log contains the old cookie or the new token.
func TestSecrets(t *testing.T) {
	t.Parallel()
	store := mem()
	w := newWorld(t, store)
	token := strings.TrimPrefix(w.get("/", "old=ana").sent(), "__Host-session=")
	for r, err := range session.List(t.Context(), store) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(r.Data, []byte(token)) {
			t.Errorf("record %v contains the token", r.ID)
		}
	}
	old := sessionmigrate.Old{Key: keyOf("secret"), Values: map[string]any{"x": "secret"}}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", old, old, old), fmt.Sprintf("%v %+v %#v %s", old.Key, old.Key, old.Key, old.Key)} {
		if strings.Contains(text, "secret") {
			t.Errorf("printed: %s", text)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, f := range []func() error{
		func() error {
			_, err := sessionmigrate.New(nil, &shelf{}, sessionmigrate.Config{Until: began})
			return err
		},
		func() error { _, err := sessionmigrate.New(mem(), &shelf{}, sessionmigrate.Config{}); return err },
	} {
		if err := f(); err == nil || !strings.HasPrefix(err.Error(), "session: ") {
			t.Errorf("error %v", err)
		}
	}
}
