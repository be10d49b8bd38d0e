package sessionform_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionform"
	"github.com/expanse-go/session/sessiontest"
)

// A shop is a site with one form. It counts its orders outside the session, as a database does.
type shop struct {
	m      *session.Manager
	orders *atomic.Int64
	act    func() error // nil: succeed
}

func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /order", s.m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		token := sessionform.NewToken(s, "order")
		io.WriteString(w, token)
	}))
	mux.HandleFunc("POST /order", s.m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, in *session.Session) {
		o, err := sessionform.Once(r.Context(), s.m, in, "order", r.PostFormValue("once"), func() (string, error) {
			if s.act != nil {
				if err := s.act(); err != nil {
					return "", err
				}
			}
			return fmt.Sprintf("/orders/%d", s.orders.Add(1)), nil
		})
		switch {
		case errors.Is(err, sessionform.ErrUnknownToken):
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		case errors.Is(err, sessionform.ErrUnfinished):
			http.Error(w, err.Error(), http.StatusConflict)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
		default:
			fmt.Fprint(w, o.Result, " ", o.Repeated)
		}
	}))
	return mux
}

func newManager(tb testing.TB, store session.Store) *session.Manager {
	tb.Helper()
	m, err := session.New(store, session.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(context.Background()) })
	return m
}

func newShop(tb testing.TB) *shop {
	tb.Helper()
	return &shop{m: newManager(tb, memstore.New(memstore.Config{})), orders: new(atomic.Int64)}
}

func order(c *sessiontest.Client, token string) *sessiontest.Response {
	return c.Submit("/order", url.Values{"once": {token}})
}

func expect(t *testing.T, r *sessiontest.Response, status int, text string) {
	t.Helper()
	if r.StatusCode != status || !strings.Contains(r.Text, text) {
		t.Errorf("got %d: %s; want %d: %s", r.StatusCode, r.Text, status, text)
	}
}

func TestSubmittedTwice(t *testing.T) {
	s := newShop(t)
	c := sessiontest.NewClient(t, s.handler())
	first, second := c.Get("/order").Text, c.Get("/order").Text
	expect(t, order(c, first), http.StatusOK, "/orders/1 false")
	expect(t, order(c, first), http.StatusOK, "/orders/1 true")
	expect(t, order(c, second), http.StatusOK, "/orders/2 false")
	expect(t, order(c, first), http.StatusOK, "/orders/1 true")
	if n := s.orders.Load(); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
}

// TestSubmittedAtOnce sends a form fifty times at the same time, to two managers on one store, as
// two processes have them. One request acts; all get its result.
func TestSubmittedAtOnce(t *testing.T) {
	dir, orders := t.TempDir(), new(atomic.Int64)
	var sites []http.Handler
	for range 2 {
		store, err := filestore.Open(dir, filestore.Config{DangerouslyNoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		sites = append(sites, (&shop{m: newManager(t, store), orders: orders}).handler())
	}
	one := sessiontest.NewClient(t, sites[0])
	two := sessiontest.NewClient(t, sites[1])
	for round := range 3 {
		token := one.Get("/order").Text
		two.SetCookie(one.Cookie("__Host-session"))
		var all sync.WaitGroup
		var acted, told atomic.Int64
		want := fmt.Sprintf("/orders/%d", round+1)
		for i := range 50 {
			c := one
			if i%2 == 1 {
				c = two
			}
			all.Go(func() {
				r := order(c, token)
				switch {
				case r.StatusCode == http.StatusOK && r.Text == want+" true":
					told.Add(1)
				case r.StatusCode == http.StatusOK && r.Text == want+" false":
					acted.Add(1)
				default:
					t.Errorf("got %d: %s", r.StatusCode, r.Text)
				}
			})
		}
		all.Wait()
		if acted.Load() != 1 || told.Load() != 49 || orders.Load() != int64(round+1) {
			t.Fatalf("round %d: %d acted, %d were told; %d orders", round, acted.Load(), told.Load(), orders.Load())
		}
	}
}

// TestSpentAtOnce makes fifty requests load the token before any of them can spend it, in two
// managers on one store.
func TestSpentAtOnce(t *testing.T) {
	const n = 50
	var first atomic.Int64 // how many of the next loads wait for each other
	var all sync.WaitGroup
	all.Add(n)
	store := memstore.New(memstore.Config{})
	around := func(_ context.Context, c sessiontest.Call, next func() error) error {
		err := next()
		if c.Op == "load" && first.Add(-1) >= 0 {
			all.Done()
			all.Wait()
		}
		return err
	}
	ms := []*session.Manager{newManager(t, sessiontest.Wrap(store, around)), newManager(t, sessiontest.Wrap(store, around))}
	load := func(token session.Token) *session.Session {
		s, err := ms[0].Load(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := load("")
	token := sessionform.NewToken(s, "order")
	k, err := ms[0].Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	sessions := make([]*session.Session, n)
	for i := range sessions {
		sessions[i] = load(session.Token(k.Value))
	}
	first.Store(n)
	var acted, unfinished atomic.Int64
	var done sync.WaitGroup
	for i, s := range sessions {
		done.Go(func() {
			_, err := sessionform.Once(t.Context(), ms[i%2], s, "order", token, func() (string, error) {
				acted.Add(1)
				return "", nil // never committed, so the others wait in vain
			})
			switch {
			case errors.Is(err, sessionform.ErrUnfinished):
				unfinished.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	done.Wait()
	if acted.Load() != 1 || unfinished.Load() != n-1 {
		t.Errorf("%d acted and %d were refused, want 1 and %d", acted.Load(), unfinished.Load(), n-1)
	}
}

func TestUnknownTokens(t *testing.T) {
	s := newShop(t)
	h := s.handler()
	c, other := sessiontest.NewClient(t, h), sessiontest.NewClient(t, h)
	token := c.Get("/order").Text
	foreign := other.Get("/order").Text
	stranger := sessiontest.NewClient(t, h)
	for name, r := range map[string]*sessiontest.Response{
		"none": order(c, ""), "made up": order(c, strings.Repeat("A", 26)), "a path": order(c, "A."+token), "of another session": order(c, foreign),
		"without a session": order(stranger, token),
	} {
		t.Run(name, func(t *testing.T) { expect(t, r, http.StatusUnprocessableEntity, "expired") })
	}
	if n := s.orders.Load(); n != 0 {
		t.Errorf("%d orders, want none", n)
	}
	expect(t, order(c, token), http.StatusOK, "/orders/1 false")
}

// The oldest token stops working when there are too many, and is never acted upon twice.
func TestTooManyTokens(t *testing.T) {
	s := newShop(t)
	c := sessiontest.NewClient(t, s.handler())
	first := c.Get("/order").Text
	expect(t, order(c, first), http.StatusOK, "/orders/1 false")
	oldest := c.Get("/order").Text
	for range sessionform.MaxTokens {
		c.Get("/order")
	}
	expect(t, order(c, oldest), http.StatusUnprocessableEntity, "expired")
	for range sessionform.MaxTokens {
		if r := order(c, c.Get("/order").Text); r.StatusCode != http.StatusOK {
			t.Fatal(r.StatusCode, r.Text)
		}
	}
	expect(t, order(c, first), http.StatusUnprocessableEntity, "expired")
	session := c.Session(s.m).All()["sessionform"].(map[string]any)["order"].(map[string]any)
	for _, kind := range []string{"open", "used"} {
		if n := len(session[kind].(map[string]any)); n > sessionform.MaxTokens {
			t.Errorf("%d entries of %s, want at most %d", n, kind, sessionform.MaxTokens)
		}
	}
}

// An act that fails gives the token back. One that panics does not: it may have had an effect.
func TestActsThatFail(t *testing.T) {
	s := newShop(t)
	c := sessiontest.NewClient(t, s.handler())
	token := c.Get("/order").Text
	s.act = func() error { return errors.New("sold out") }
	for range 2 {
		if r := order(c, token); r.StatusCode != http.StatusBadGateway || !strings.Contains(r.Text, "sold out") {
			t.Fatal(r.StatusCode, r.Text)
		}
	}
	s.act = nil
	expect(t, order(c, token), http.StatusOK, "/orders/1 false")

	token = c.Get("/order").Text
	func() {
		defer func() { _ = recover() }()
		in, err := s.m.Load(t.Context(), session.Token(c.Cookie("__Host-session").Value))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sessionform.Once(t.Context(), s.m, in, "order", token, func() (string, error) { panic("halfway") })
		t.Error("no panic")
	}()
	s.act = func() error { t.Error("acted again"); return nil }
	expect(t, order(c, token), http.StatusConflict, "submitted before")
}

// A submission that waits for the first one ends with its context.
func TestWaitEndsWithTheContext(t *testing.T) {
	m := newManager(t, memstore.New(memstore.Config{}))
	ctx, cancel := context.WithCancel(t.Context())
	s, err := m.Load(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	token := sessionform.NewToken(s, "order")
	k, err := m.Commit(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	load := func() *session.Session {
		s, err := m.Load(t.Context(), session.Token(k.Value))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, err = sessionform.Once(ctx, m, load(), "order", token, func() (string, error) {
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err := sessionform.Once(ctx, m, load(), "order", token, func() (string, error) { t.Error("acted twice"); return "", nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the error of the context", err)
		}
		return "", nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := sessionform.Once(t.Context(), m, load(), "other", token, nil); !errors.Is(err, sessionform.ErrUnknownToken) {
		t.Errorf("a token of another form: got %v", err)
	}
}
