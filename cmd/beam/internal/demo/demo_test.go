package demo

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// paths are all pages that a visitor can open.
var paths = []string{"/", "/account", "/cart", "/contact", "/sessions/", "/race"}

// A site is the running demo.
type site struct {
	*httptest.Server
	store *spy // of open
}

func open(t *testing.T) *site {
	t.Helper()
	store := &spy{Store: memstore.New(memstore.Config{})}
	s := serve(t, store, Options{Store: "test"})
	s.store = store
	return s
}

// serve runs the demo on any store.
func serve(t *testing.T, store session.Store, o Options) *site {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	m, err := session.New(store, session.Config{
		Cookie: session.CookieConfig{DangerouslyAllowHTTP: true},
		Logger: o.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Server: httptest.NewServer(New(m, o))}
	t.Cleanup(func() {
		s.Close()
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// A spy counts the calls to a store, and can simulate a store that is down.
type spy struct {
	session.Store
	calls atomic.Int64
	down  atomic.Bool
}

var errDown = errors.New("store is down")

func (s *spy) call() error {
	s.calls.Add(1)
	if s.down.Load() {
		return errDown
	}
	return nil
}

func (s *spy) Unwrap() session.Store { return s.Store }

func (s *spy) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if err := s.call(); err != nil {
		return session.Record{}, err
	}
	return s.Store.Load(ctx, id)
}

func (s *spy) Create(ctx context.Context, r session.Record) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.Store.Create(ctx, r)
}

func (s *spy) Update(ctx context.Context, r session.Record) error {
	if err := s.call(); err != nil {
		return err
	}
	return s.Store.Update(ctx, r)
}

func (s *spy) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	if err := s.call(); err != nil {
		return func(yield func(session.Record, error) bool) { yield(session.Record{}, err) }
	}
	return session.ListOwner(ctx, s.Store, owner)
}

func TestUntouchedVisitor(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	for _, p := range paths {
		a := c.get(p).is(http.StatusOK).has("nothing stored")
		if got := a.header["Set-Cookie"]; got != nil {
			t.Errorf("%s sets %q for a visitor who wrote nothing", p, got)
		}
	}
	if got := s.store.calls.Load(); got != 0 {
		t.Errorf("%d store calls for a visitor without a cookie, want none", got)
	}
}

func TestAnswersWithoutAPage(t *testing.T) {
	c := open(t).visitor(t)
	c.get("/nowhere").is(http.StatusNotFound).has("There is no page at this address.")
	c.get("/static/nothing.css").is(http.StatusNotFound)
	a := c.send(c.request("DELETE", "/cart", nil)).is(http.StatusMethodNotAllowed)
	if got, want := a.header.Get("Allow"), "GET, HEAD"; got != want {
		t.Errorf("Allow of /cart is %q, want %q", got, want)
	}
	a = c.get("/cart/add").is(http.StatusMethodNotAllowed)
	if got, want := a.header.Get("Allow"), "POST"; got != want {
		t.Errorf("Allow of /cart/add is %q, want %q", got, want)
	}
	c.post("/contact", "message", strings.Repeat("x", maxForm)).is(http.StatusRequestEntityTooLarge)
}

func TestSecurityHeaders(t *testing.T) {
	c := open(t).visitor(t)
	for _, p := range append(paths, "/nowhere", "/race/result") {
		h := c.get(p).header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "same-origin",
			"Cache-Control":          "no-store",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s of %s is %q, want %q", name, p, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("Content-Security-Policy of %s is %q", p, policy)
		}
	}
}

func TestOtherSitesCannotPost(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	req := c.request("POST", "/account/sign-in", url.Values{"name": {"Mallory"}})
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	c.send(req).is(http.StatusForbidden)
	if got := s.store.calls.Load(); got != 0 {
		t.Errorf("%d store calls, want none", got)
	}
}

func TestStoreDown(t *testing.T) {
	s := open(t)
	c := s.visitor(t)
	c.post("/account/sign-in", "name", "Ada")
	before := c.token()
	s.store.down.Store(true)
	for _, p := range paths {
		a := c.get(p).is(http.StatusServiceUnavailable)
		if a.header.Get("Retry-After") == "" || a.header["Set-Cookie"] != nil {
			t.Errorf("%s while the store is down: headers %v", p, a.header)
		}
	}
	c.post("/cart/add", "product", "cup").is(http.StatusServiceUnavailable)
	s.store.down.Store(false)
	if c.token() != before {
		t.Error("the cookie changed while the store was down")
	}
	c.get("/account").has("Signed in as")
	c.get("/cart").has("Nothing yet.")
}

func TestPagesTellOfTheStore(t *testing.T) {
	forgetful := serve(t, memstore.New(memstore.Config{}), Options{Store: "memory", Forgets: true}).visitor(t)
	forgetful.get("/").has("It loses its sessions when the server restarts.").lacks("restart the server")
	forgetful.post("/cart/add", "product", "cup").has("Store: memory, which loses its sessions when the server restarts.")

	null := serve(t, session.Discard, Options{Store: "null"}).visitor(t)
	null.post("/account/sign-in", "name", "Ada").has("It keeps nothing").has("<h1>Sign in</h1>")
	null.get("/").has("sessions are switched off")
	if got := null.token(); got != "" {
		t.Error("the null store gave a cookie")
	}
}
