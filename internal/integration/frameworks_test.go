package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gofiber/fiber/v3"
	fiberadaptor "github.com/gofiber/fiber/v3/middleware/adaptor"
	fiberrecover "github.com/gofiber/fiber/v3/middleware/recover"
	gorilla "github.com/gorilla/websocket"
	echo4 "github.com/labstack/echo/v4"
	echo4middleware "github.com/labstack/echo/v4/middleware"
	echo5 "github.com/labstack/echo/v5"
	echo5middleware "github.com/labstack/echo/v5/middleware"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionfiber"
	"github.com/expanse-go/session/sessiontest"
)

// A journal collects a log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// framed returns a manager with a clock and a log.
func framed(t *testing.T) (*session.Manager, *sessiontest.Clock, *journal) {
	t.Helper()
	clock, log := sessiontest.NewClock(time.Now()), &journal{}
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{
		PruneEvery: -1, Now: clock.Now, RotateEvery: 10 * time.Minute,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, clock, log
}

func ginRouter(middleware ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.RecoveryWithWriter(io.Discard))
	router.Use(middleware...)
	return router
}

// frameworks is where docs/deploying.md places the middleware and the recoverer of each.
var frameworks = map[string]func(m *session.Manager, h http.HandlerFunc) http.Handler{
	"gin": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		router := ginRouter()
		router.GET("/", func(c *gin.Context) { h(c.Writer, c.Request) })
		return m.Handler(router)
	},
	"chi": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		router := chi.NewRouter()
		router.Use(chimiddleware.Recoverer, m.Handler)
		router.Get("/", h)
		return router
	},
	"chi, recoverer inside": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		router := chi.NewRouter()
		router.Use(m.Handler, chimiddleware.Recoverer)
		router.Get("/", h)
		return router
	},
	"echo 4": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		e := echo4.New()
		e.Logger.SetOutput(io.Discard)
		e.Use(echo4middleware.Recover(), echo4.WrapMiddleware(m.Handler))
		e.GET("/", func(c echo4.Context) error {
			h(c.Response(), c.Request())
			return nil
		})
		return e
	},
	"echo 4, recoverer inside": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		e := echo4.New()
		e.Logger.SetOutput(io.Discard)
		e.Use(echo4middleware.Recover())
		e.GET("/", func(c echo4.Context) error {
			h(c.Response(), c.Request())
			return nil
		})
		return m.Handler(e)
	},
	"echo 5": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		e := echo5.New()
		e.Logger = slog.New(slog.DiscardHandler)
		e.Use(echo5middleware.Recover(), echo5.WrapMiddleware(m.Handler))
		e.GET("/", func(c *echo5.Context) error {
			h(c.Response(), c.Request())
			return nil
		})
		return e
	},
	"fiber": func(m *session.Manager, h http.HandlerFunc) http.Handler {
		app := fiber.New()
		app.Use(fiberrecover.New(), sessionfiber.New(m))
		app.Get("/", func(c fiber.Ctx) error {
			w := httptest.NewRecorder()
			h(w, httptest.NewRequest("GET", "/", nil).WithContext(c.Context()))
			return c.Status(w.Code).Send(w.Body.Bytes())
		})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RequestURI = ""
			res, err := app.Test(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			defer res.Body.Close()
			for name, values := range res.Header {
				w.Header()[name] = values
			}
			w.WriteHeader(res.StatusCode)
			io.Copy(w, res.Body)
		})
	},
}

// TestFiberAdaptor: fiber's adaptor runs the middleware to its end before the handler. What
// the handler then changes is refused.
func TestFiberAdaptor(t *testing.T) {
	m, _, _ := framed(t)
	app := fiber.New()
	app.Use(fiberadaptor.HTTPMiddleware(m.Handler))
	ran := false
	app.Get("/", func(c fiber.Ctx) error {
		ran = true
		s, err := session.From(c.Context())
		if err == nil {
			s.Set("a", 1)
			err = s.Err()
		}
		if !errors.Is(err, session.ErrNoSession) && !errors.Is(err, session.ErrCommitted) {
			t.Errorf("error = %v, want ErrNoSession or ErrCommitted", err)
		}
		return nil
	})
	res, err := app.Test(httptest.NewRequest("GET", "https://example.com/", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if !ran || len(res.Cookies()) != 0 {
		t.Errorf("the handler ran: %t, cookies = %v, want none", ran, res.Cookies())
	}
}

// TestField01Frameworks: in each framework, with the middleware and the recoverer in the
// documented order, what a handler changes is stored, unless it panics.
func TestField01Frameworks(t *testing.T) {
	for name, wrap := range frameworks {
		t.Run(name, func(t *testing.T) {
			m, _, log := framed(t)
			panics := false
			h := wrap(m, func(w http.ResponseWriter, r *http.Request) {
				s, err := session.From(r.Context())
				if err != nil {
					t.Error(err)
					return
				}
				n := session.Update(s, "n", func(n int) int { return n + 1 })
				if panics {
					s.Login("eve")
					panic("test")
				}
				fmt.Fprint(w, n)
			})
			c := sessiontest.NewClient(t, h)
			for want := range 3 {
				if res := c.Get("/"); res.Text != fmt.Sprint(want+1) {
					t.Errorf("request %d: status %d, %q", want, res.StatusCode, res.Text)
				}
			}
			panics = true
			res := c.Get("/")
			if res.StatusCode != http.StatusInternalServerError || len(res.Cookies()) != 0 {
				t.Errorf("after a panic: status %d, cookies %v; want 500 and none", res.StatusCode, res.Cookies())
			}
			panics = false
			if res := c.Get("/"); res.Text != "4" {
				t.Errorf("the request after the panic: %q, want 4: the panic has stored something", res.Text)
			}
			if strings.Contains(log.String(), "WARN") && name != "fiber" && !strings.Contains(log.String(), "panicked") {
				t.Errorf("log = %s", log)
			}
		})
	}
}

// TestField01RecoversLater: recoverers inside of the middleware that answer after they have
// recovered, or into a buffer. Nobody can tell their answers from others, unless the
// middleware stands between them and the handlers as well.
func TestField01RecoversLater(t *testing.T) {
	tests := map[string]func(m *session.Manager, noticed bool, h http.HandlerFunc) http.Handler{
		"echo 5": func(m *session.Manager, noticed bool, h http.HandlerFunc) http.Handler {
			e := echo5.New()
			e.Logger = slog.New(slog.DiscardHandler)
			e.Use(echo5middleware.Recover())
			if noticed {
				e.Use(echo5.WrapMiddleware(m.Handler))
			}
			e.GET("/", func(c *echo5.Context) error {
				h(c.Response(), c.Request())
				return nil
			})
			return e
		},
		"gin, which only sets the status": func(m *session.Manager, noticed bool, h http.HandlerFunc) http.Handler {
			gin.SetMode(gin.ReleaseMode)
			router := gin.New()
			router.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.Status(http.StatusInternalServerError) }))
			if noticed {
				router.Use(func(c *gin.Context) {
					m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.Next() })).ServeHTTP(c.Writer, c.Request)
				})
			}
			router.GET("/", func(c *gin.Context) { h(c.Writer, c.Request) })
			return router
		},
		"chi, in a buffer": func(m *session.Manager, noticed bool, h http.HandlerFunc) http.Handler {
			router := chi.NewRouter()
			router.Use(chimiddleware.Recoverer)
			if noticed {
				router.Use(m.Handler)
			}
			router.Get("/", h)
			return http.TimeoutHandler(router, time.Minute, "")
		},
	}
	for name, wrap := range tests {
		for _, noticed := range []bool{true, false} {
			m, _, _ := framed(t)
			res := sessiontest.NewClient(t, m.Handler(wrap(m, noticed, func(_ http.ResponseWriter, r *http.Request) {
				s, err := session.From(r.Context())
				if err != nil {
					t.Error(err)
					return
				}
				s.Login("eve")
				panic("test")
			}))).Get("/")
			if want := map[bool]int{false: 1}[noticed]; res.StatusCode != http.StatusInternalServerError || len(res.Cookies()) != want {
				t.Errorf("%s, noticed: %t: status %d, cookies %v; want 500 and %d", name, noticed, res.StatusCode, res.Cookies(), want)
			}
		}
	}
}

// TestField01ReturnedError: the error that a handler of echo returns is answered, and what
// the handler has changed is stored.
func TestField01ReturnedError(t *testing.T) {
	for _, inside := range []bool{true, false} {
		m, _, _ := framed(t)
		e := echo4.New()
		e.Logger.SetOutput(io.Discard)
		h := http.Handler(e)
		if inside {
			h = m.Handler(e)
		} else {
			e.Use(echo4.WrapMiddleware(m.Handler))
		}
		e.GET("/", func(c echo4.Context) error {
			s, err := session.From(c.Request().Context())
			if err != nil {
				return err
			}
			s.Login("ada")
			return echo4.NewHTTPError(http.StatusTeapot)
		})
		if res := sessiontest.NewClient(t, h).Get("/"); res.StatusCode != http.StatusTeapot || len(res.Cookies()) != 1 {
			t.Errorf("manager around echo: %t: status %d, cookies %v; want 418 and one", inside, res.StatusCode, res.Cookies())
		}
	}
}

// TestField02ChiTimeout: chi's time-out answers when the handler has returned without an
// answer. Nothing of that request is stored.
func TestField02ChiTimeout(t *testing.T) {
	m, _, _ := framed(t)
	router := chi.NewRouter()
	router.Use(m.Handler, chimiddleware.Timeout(time.Millisecond))
	router.Get("/", func(_ http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		s.Login("eve")
		<-r.Context().Done()
	})
	res := sessiontest.NewClient(t, router).Get("/")
	if res.StatusCode != http.StatusGatewayTimeout || len(res.Cookies()) != 0 {
		t.Errorf("status %d, cookies %v; want 504 and none", res.StatusCode, res.Cookies())
	}
}

// TestField17GinStream: gin's Stream asks for a CloseNotifier, which it gets.
func TestField17GinStream(t *testing.T) {
	m, _, _ := framed(t)
	router := ginRouter()
	router.GET("/", func(c *gin.Context) {
		s, err := session.From(c.Request.Context())
		if err != nil {
			t.Error(err)
			return
		}
		s.Set("stream", true)
		n := 0
		c.Stream(func(w io.Writer) bool {
			n++
			fmt.Fprintln(w, n)
			return n < 3
		})
	})
	res := sessiontest.NewClient(t, m.Handler(router)).Get("/")
	if res.StatusCode != http.StatusOK || res.Text != "1\n2\n3\n" || len(res.Cookies()) != 1 {
		t.Errorf("status %d, %q, cookies %v", res.StatusCode, res.Text, res.Cookies())
	}
}

// TestField27Gin: the middleware inside of gin, written the obvious way, leaves gin its own
// writer. The cookie would come too late, so that nothing begins, nobody is signed out, and
// the log says what to do.
func TestField27Gin(t *testing.T) {
	m, _, log := framed(t)
	router := ginRouter(func(c *gin.Context) {
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
	})
	change := func(f func(s *session.Session)) gin.HandlerFunc {
		return func(c *gin.Context) {
			s, err := session.From(c.Request.Context())
			if err != nil {
				t.Error(err)
				return
			}
			f(s)
			c.String(http.StatusOK, "%s %d", s.Owner(), session.Get(s, "n", 0))
		}
	}
	router.GET("/login", change(func(s *session.Session) { s.Login("ada") }))
	router.GET("/count", change(func(s *session.Session) { session.Update(s, "n", func(n int) int { return n + 1 }) }))
	router.GET("/show", change(func(*session.Session) {}))
	c := sessiontest.NewClient(t, router)
	for range 2 {
		if res := c.Get("/login"); len(res.Cookies()) != 0 || res.Text != "ada 0" {
			t.Errorf("sign-in: %q, cookies %v", res.Text, res.Cookies())
		}
	}
	if n := strings.Count(log.String(), "manager.Handler(router)"); n != 1 {
		t.Errorf("the remedy is in the log %d times, want once: %s", n, log)
	}
	c.SetCookie(sessiontest.Cookie(t, m, func(s *session.Session) { s.Login("bob") }))
	c.Get("/login")
	c.Get("/count")
	if res := c.Get("/show"); res.Text != "bob 1" {
		t.Errorf("page = %q, want that bob is still signed in, and what he has counted", res.Text)
	}
}

// sockets are the two libraries for WebSockets, as they are used most.
var sockets = map[string]func(w http.ResponseWriter, r *http.Request) (io.Closer, error){
	"gorilla": func(w http.ResponseWriter, r *http.Request) (io.Closer, error) {
		return new(gorilla.Upgrader).Upgrade(w, r, nil)
	},
	"gorilla, with the headers": func(w http.ResponseWriter, r *http.Request) (io.Closer, error) {
		return new(gorilla.Upgrader).Upgrade(w, r, w.Header())
	},
	"coder": func(w http.ResponseWriter, r *http.Request) (io.Closer, error) {
		c, err := coder.Accept(w, r, nil)
		if err != nil {
			return nil, err
		}
		return closer(c.CloseNow), nil
	},
}

type closer func() error

func (c closer) Close() error { return c() }

// TestField08Sockets: no upgrade replaces the token that a browser holds. A session that
// begins in one is stored, and its cookie comes where the headers are sent; where they are
// not, the log says how.
func TestField08Sockets(t *testing.T) {
	for name, accept := range sockets {
		t.Run(name, func(t *testing.T) {
			m, clock, log := framed(t)
			srv := httptest.NewServer(m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Set("opened", true)
				c, err := accept(w, r)
				if err != nil {
					t.Error(err)
					return
				}
				c.Close()
			}))
			defer srv.Close()
			dial := func(cookie *http.Cookie) []*http.Cookie {
				t.Helper()
				h := http.Header{}
				if cookie != nil {
					h.Set("Cookie", cookie.Name+"="+cookie.Value)
				}
				c, res, err := gorilla.DefaultDialer.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), h)
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				return res.Cookies()
			}
			ada := sessiontest.Cookie(t, m, func(s *session.Session) { s.Login("ada") })
			clock.Advance(11 * time.Minute)
			if got := dial(ada); len(got) != 0 {
				t.Errorf("cookies in the upgrade = %v, want none", got)
			}
			clock.Advance(time.Minute)
			s, err := m.Load(context.Background(), session.Token(ada.Value))
			if err != nil || s.Owner() != "ada" || !session.Get(s, "opened", false) {
				t.Errorf("after the upgrade: owner %q, %v, %v", s.Owner(), s.All(), err)
			}
			sent, warned := len(dial(nil)), strings.Contains(log.String(), "Upgrade(w, r, w.Header())")
			if want := map[bool]int{true: 1}[name != "gorilla"]; sent != want {
				t.Errorf("%d cookies for a new session, want %d", sent, want)
			}
			if want := name != "coder"; warned != want {
				t.Errorf("warned: %t, want %t", warned, want)
			}
		})
	}
}
