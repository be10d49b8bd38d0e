package peers

import (
	"net"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/session"
	"github.com/valyala/fasthttp"

	bench "github.com/expanse-go/session/benchmarks"
)

// Fiber is the session middleware of Fiber v3, in memory. Its requests are those of fasthttp,
// which are cheaper than those of net/http.
func Fiber() (bench.Server, error) {
	s := &fiberServer{}
	store := session.NewStore()
	for a := range bench.Actions {
		app := fiber.New()
		app.Use(session.New(session.Config{Store: store}))
		app.Get("/", func(c fiber.Ctx) error {
			status, body := 200, "ok"
			if a != bench.Untouched {
				status, body = bench.Handle(a, fiberSession{session.FromContext(c)}, c.Get("X-Arg"))
			}
			return c.Status(status).SendString(body)
		})
		s.handlers[a] = app.Handler()
	}
	return s, nil
}

type fiberServer struct {
	handlers [bench.Actions]fasthttp.RequestHandler
}

func (s *fiberServer) Close() error { return nil }

func (s *fiberServer) Client() bench.Client {
	c := &fiberClient{s: s}
	c.ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234}, nil)
	return c
}

type fiberClient struct {
	s   *fiberServer
	ctx fasthttp.RequestCtx
}

func (c *fiberClient) Do(a bench.Action, cookie string) int {
	status, _, _ := c.call(a, cookie, "")
	return status
}

func (c *fiberClient) Call(a bench.Action, cookie, arg string) (status int, body, setCookie string) {
	status, response, line := c.call(a, cookie, arg)
	body = string(response)
	if line != "" {
		setCookie = bench.NewCookie([]string{line})
	}
	return status, body, setCookie
}

func (c *fiberClient) call(a bench.Action, cookie, arg string) (int, []byte, string) {
	r := &c.ctx.Request
	r.Reset()
	c.ctx.Response.Reset()
	c.ctx.ResetUserValues()
	r.Header.SetMethod("GET")
	r.SetRequestURI("/")
	r.Header.SetHost("localhost")
	r.Header.SetUserAgent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	if arg != "" {
		r.Header.Set("X-Arg", arg)
	}
	c.s.handlers[a](&c.ctx)
	line := ""
	if a >= bench.Seed {
		line = string(c.ctx.Response.Header.PeekCookie("session_id"))
	}
	return c.ctx.Response.StatusCode(), c.ctx.Response.Body(), line
}

type fiberSession struct{ m *session.Middleware }

func (s fiberSession) Text(key string) string {
	v, _ := s.m.Get(key).(string)
	return v
}

func (s fiberSession) Number(key string) int {
	v, _ := s.m.Get(key).(int)
	return v
}

func (s fiberSession) Has(key string) bool       { return s.m.Get(key) != nil }
func (s fiberSession) Set(key string, value any) { s.m.Set(key, value) }

func (s fiberSession) Add(key string) {
	n := s.Number(key)
	time.Sleep(bench.Pause)
	s.Set(key, n+1)
}

func (s fiberSession) End() {
	// Only the store could fail, and the check for revived sessions detects that.
	_ = s.m.Destroy()
}
