package sessionfiber_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/timeout"
	"github.com/valyala/fasthttp"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionfiber"
	"github.com/expanse-go/session/sessiontest"
)

// A rig is an app with the middleware, whose store can fail.
type rig struct {
	*fiber.App
	*session.Manager
	t *testing.T

	mu    sync.Mutex
	calls int
	down  bool
}

var errDown = errors.New("down")

func newRig(t *testing.T, config session.Config, middleware ...any) *rig {
	r := &rig{App: fiber.New(), t: t}
	config.Cookie.DangerouslyAllowHTTP = true
	m, err := session.New(sessiontest.Wrap(memstore.New(memstore.Config{}), r.around), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	r.Manager = m
	r.Use(append(middleware, sessionfiber.New(m))...)
	return r
}

func (r *rig) around(_ context.Context, _ sessiontest.Call, next func() error) error {
	r.mu.Lock()
	r.calls++
	down := r.down
	r.mu.Unlock()
	if down {
		return errDown
	}
	return next()
}

func (r *rig) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

// cookie returns the cookie of a new session.
func (r *rig) cookie() *http.Cookie {
	r.t.Helper()
	s, err := r.Load(r.t.Context(), "")
	if err != nil {
		r.t.Fatal(err)
	}
	s.Set("begun", true)
	c, err := r.Manager.Commit(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// stored returns whether the session of a cookie has a value.
func (r *rig) stored(c *http.Cookie, path string) bool {
	r.t.Helper()
	s, err := r.Load(r.t.Context(), session.Token(c.Value))
	if err != nil {
		r.t.Fatal(err)
	}
	return s.Has(path)
}

// get sends a request over HTTP and returns the response and its text.
func (r *rig) get(path string, cookie *http.Cookie) (*http.Response, string) {
	r.t.Helper()
	w := r.open(path, cookie)
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return w, string(text)
}

// open sends a request over HTTP and returns the response when its header has arrived.
func (r *rig) open(path string, cookie *http.Cookie) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, serve(r.t, r.App)+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if cookie != nil {
		req.AddCookie(cookie)
	}
	w, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// set is a handler that changes the session.
func set1(c fiber.Ctx) error {
	s, err := sessionfiber.From(c)
	if err != nil {
		return err
	}
	s.Set("set", 1)
	return c.SendString("set")
}

func TestFromWithoutMiddleware(t *testing.T) {
	t.Parallel()
	f := fiber.New()
	var got error
	f.Get("/", func(c fiber.Ctx) error {
		_, got = sessionfiber.From(c)
		return errors.Join(got, sessionfiber.Commit(c))
	})
	r := &rig{App: f, t: t}
	w, text := r.get("/", nil)
	if w.StatusCode != http.StatusInternalServerError || !errors.Is(got, session.ErrNoSession) {
		t.Errorf("got %d %q and the error %v", w.StatusCode, text, got)
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{})
	skipped := fiber.New()
	skipped.Use(sessionfiber.New(r.Manager, sessionfiber.Config{Next: func(c fiber.Ctx) bool { return c.Path() == "/static" }}))
	var got error
	skipped.Get("/static", func(c fiber.Ctx) error {
		_, got = sessionfiber.From(c)
		return c.SendString("file")
	})
	skipped.Get("/", set1)
	r.App = skipped
	if w, text := r.get("/static", nil); text != "file" || !errors.Is(got, session.ErrNoSession) {
		t.Errorf("the skipped route: %d %q, %v", w.StatusCode, text, got)
	}
	if w, _ := r.get("/", nil); len(w.Cookies()) != 1 {
		t.Errorf("the other route sets the cookies %v", w.Cookies())
	}
}

// The response of a failed commit has the headers that middleware outside has set, and none
// of the handler.
func TestFailedCommitDropsTheResponse(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{}, func(c fiber.Ctx) error {
		c.Set("X-Request-Id", "1")
		c.Vary("Origin")
		c.Cookie(&fiber.Cookie{Name: "outer", Value: "1"})
		return c.Next()
	})
	r.Get("/", func(c fiber.Ctx) error {
		c.Set("Location", "/next")
		c.Vary("Accept")
		c.Cookie(&fiber.Cookie{Name: "inner", Value: "1"})
		c.Status(fiber.StatusSeeOther)
		return set1(c)
	})
	r.setDown(true)
	w, text := r.get("/", nil)
	if w.StatusCode != http.StatusServiceUnavailable || text != "Your changes may not have been saved. Check before you try again." {
		t.Errorf("got %d %q", w.StatusCode, text)
	}
	for name, want := range map[string]string{
		"X-Request-Id": "1", "Location": "", "Retry-After": "2", "Content-Type": "text/plain; charset=utf-8",
	} {
		if got := w.Header.Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	if v := w.Header.Values("Vary"); len(v) != 2 || v[0] != "Origin" || v[1] != "Cookie" {
		t.Errorf("Vary: %q", v)
	}
	if c := w.Cookies(); len(c) != 1 || c[0].Name != "outer" {
		t.Errorf("Set-Cookie: %q", c)
	}
}

// A failed commit undoes an upgrade.
func TestFailedUpgrade(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{})
	upgraded := make(chan bool, 1)
	r.Get("/", func(c fiber.Ctx) error {
		if err := set1(c); err != nil {
			return err
		}
		return upgrade(c, func(conn net.Conn) {
			conn.Close()
			upgraded <- true
		})
	})
	cookie := r.cookie()
	w := r.open("/", cookie)
	w.Body.Close()
	if w.StatusCode != http.StatusSwitchingProtocols || !<-upgraded || !r.stored(cookie, "set") {
		t.Fatalf("the upgrade got %d", w.StatusCode)
	}
	r.setDown(true)
	if w, text := r.get("/", cookie); w.StatusCode != http.StatusServiceUnavailable || w.Header.Get("Upgrade") != "" {
		t.Errorf("the upgrade with a store that is down got %d %q", w.StatusCode, text)
	}
	if err := r.Shutdown(); err != nil { // so that no goroutine of the server is left
		t.Fatal(err)
	}
	select {
	case <-upgraded:
		t.Error("the function of the upgrade was called although the commit had failed")
	default:
	}
}

// A request in whose place fiber's timeout middleware responds stores nothing.
func TestTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{})
	release, returned := make(chan struct{}), make(chan error, 1)
	r.Get("/", timeout.New(func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("early", true)
		<-release
		s.Set("late", true)
		returned <- sessionfiber.Commit(c)
		return nil
	}, timeout.Config{Timeout: 50 * time.Millisecond}))
	cookie := r.cookie()
	w, _ := r.get("/", cookie)
	if w.StatusCode != http.StatusRequestTimeout || len(w.Cookies()) > 0 {
		t.Errorf("got %d and the cookies %v", w.StatusCode, w.Cookies())
	}
	close(release)
	if err := <-returned; err == nil {
		t.Error("Commit succeeded after the timeout")
	}
	for _, path := range []string{"early", "late"} {
		if r.stored(cookie, path) {
			t.Errorf("%q was stored after a timeout", path)
		}
	}
}

// TestEnd sends a response before the handler has returned.
func TestEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{})
	r.Get("/", func(c fiber.Ctx) error {
		if err := set1(c); err != nil {
			return err
		}
		if err := sessionfiber.Commit(c); err != nil {
			return err
		}
		return c.End()
	})
	w, text := r.get("/", nil)
	if w.StatusCode != http.StatusOK || text != "set" || len(w.Cookies()) != 1 || !r.stored(w.Cookies()[0], "set") {
		t.Errorf("got %d %q with the cookies %v", w.StatusCode, text, w.Cookies())
	}
	r.setDown(true)
	if w, text := r.get("/", nil); w.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("with a store that is down: %d %q", w.StatusCode, text)
	}
}

// The middleware of two managers is nested. From finds the inner session.
func TestTwoManagers(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{Cookie: session.CookieConfig{Name: "outer"}})
	inner := newRig(t, session.Config{Cookie: session.CookieConfig{Name: "inner"}})
	r.Use(sessionfiber.New(inner.Manager), sessionfiber.New(r.Manager))
	r.Get("/", func(c fiber.Ctx) error {
		s, err := r.Manager.From(c.Context())
		if err != nil {
			return err
		}
		s.Set("a", 1)
		return set1(c)
	})
	w, _ := r.get("/", nil)
	got := map[string]*http.Cookie{}
	for _, c := range w.Cookies() {
		got[c.Name] = c
	}
	if len(got) != 2 || !r.stored(got["outer"], "a") || !inner.stored(got["inner"], "set") {
		t.Errorf("got the cookies %v", w.Cookies())
	}
}

// What the session keeps of a request does not change when fasthttp uses its memory for
// another one.
func TestRequestMemory(t *testing.T) {
	t.Parallel()
	f := fiber.New()
	store := memstore.New(memstore.Config{})
	m, err := session.New(store, session.Config{Client: func(r *http.Request) session.Client {
		return session.Client{Address: r.Header.Get("X-Address"), UserAgent: r.UserAgent()}
	}})
	if err != nil {
		t.Fatal(err)
	}
	f.Use(sessionfiber.New(m))
	f.Get("/", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Login(c.Get("X-Owner"))
		return nil
	})
	handle := f.Handler()
	var ctx fasthttp.RequestCtx
	request := func(owner, agent string) {
		ctx.Request.Reset()
		ctx.Response.Reset()
		ctx.Request.SetRequestURI("/")
		ctx.Request.Header.SetUserAgent(agent)
		ctx.Request.Header.Set("X-Owner", owner)
		ctx.Request.Header.Set("X-Address", "192.0.2.1")
		handle(&ctx)
	}
	request("ada", "Mozilla/5.0 (Analytical Engine)")
	for range 10 {
		request("eve", "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX")
	}
	n := 0
	for info, err := range m.List(t.Context(), "ada") {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if info.Client.UserAgent != "Mozilla/5.0 (Analytical Engine)" || info.Client.Address != "192.0.2.1" {
			t.Errorf("the client of ada's session is %+v", info.Client)
		}
	}
	if n != 1 {
		t.Errorf("ada has %d sessions", n)
	}
}

// The function of a stream runs when the request has ended. It uses Load and Commit with the
// context of the request. What it changes in the session of the request is refused.
func TestStreamAfterTheRequest(t *testing.T) {
	t.Parallel()
	r := newRig(t, session.Config{})
	ended := make(chan error, 1)
	begin := make(chan struct{})
	r.Get("/", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		s.Set("early", true)
		if err := sessionfiber.Commit(c); err != nil {
			return err
		}
		ctx, token := c.Context(), session.Token(strings.Clone(c.Cookies(r.CookieName())))
		return c.SendStreamWriter(func(w *bufio.Writer) {
			_, _ = w.WriteString("begun\n")
			_ = w.Flush()
			<-begin
			ended <- func() error {
				s.Set("late", true)
				if err := s.Err(); !errors.Is(err, session.ErrCommitted) {
					return fmt.Errorf("the session of the request: %w", err)
				}
				own, err := r.Load(ctx, token)
				if err != nil {
					return err
				}
				own.Set("own", true)
				if _, err := r.Manager.Commit(ctx, own); err != nil {
					return err
				}
				own.Regenerate() // the client can get no new cookie
				if err := own.Err(); !errors.Is(err, session.ErrCommitted) {
					return fmt.Errorf("a new token in a stream: %w", err)
				}
				return nil
			}()
		})
	})
	cookie := r.cookie()
	w := r.open("/", cookie)
	defer w.Body.Close()
	line, err := bufio.NewReader(w.Body).ReadString('\n') // so the request has ended
	close(begin)
	if w.StatusCode != http.StatusOK || line != "begun\n" {
		t.Errorf("got %d %q, %v", w.StatusCode, line, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for path, want := range map[string]bool{"early": true, "late": false, "own": true} {
		if got := r.stored(cookie, path); got != want {
			t.Errorf("%q is stored: %t; want %t", path, got, want)
		}
	}
}

// A request that does not ask for its session is converted, and little else.
func TestAllocations(t *testing.T) {
	r := newRig(t, session.Config{})
	r.Get("/", func(fiber.Ctx) error { return nil })
	bare := fiber.New()
	bare.Get("/", func(fiber.Ctx) error { return nil })
	count := func(f *fiber.App) float64 {
		handle := f.Handler()
		var ctx fasthttp.RequestCtx
		ctx.Request.SetRequestURI("/")
		ctx.Request.Header.SetUserAgent("Mozilla/5.0")
		ctx.Request.Header.Set("Cookie", "a=b")
		return testing.AllocsPerRun(200, func() { handle(&ctx); ctx.ResetUserValues() })
	}
	got := count(r.App) - count(bare)
	if got > 20 {
		t.Errorf("the middleware allocates %v times in a request that does not use it; want at most 20", got)
	}
}
