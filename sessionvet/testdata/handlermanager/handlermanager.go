package handlermanager

import (
	"context"
	"net/http"
	"sync"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v5"
)

func show(w http.ResponseWriter, r *http.Request) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{}) // want `a manager is made in a handler: each request gets one of its own, which shares nothing with the others; make it once, when the program starts`
	_, _ = m, err
	_, _ = sessionconfig.Open(r.Context(), ".")        // want `a manager is made in a handler`
	_, _ = (&sessionconfig.Config{}).Open(r.Context()) // want `a manager is made in a handler`
}

type app struct {
	once sync.Once
	m    *session.Manager
}

func (a *app) ServeHTTP(http.ResponseWriter, *http.Request) {
	if a.m == nil {
		a.m, _ = session.New(nil, session.Config{}) // want `a manager is made in a handler`
	}
}

func echoHandler(c *echo.Context) error {
	_, err := session.New(nil, session.Config{}) // want `a manager is made in a handler`
	return err
}

func fiberHandler(fiber.Ctx) error {
	_, err := session.New(nil, session.Config{}) // want `a manager is made in a handler`
	return err
}

func ginHandler(*gin.Context) {
	session.New(nil, session.Config{}) // want `a manager is made in a handler`
}

var closure = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	session.New(nil, session.Config{}) // want `a manager is made in a handler`
})

func withSession(w http.ResponseWriter, r *http.Request, s *session.Session) {
	session.New(nil, session.Config{}) // want `a manager is made in a handler`
}

// What follows does not make one for each request.

func main() {
	m, err := session.New(nil, session.Config{})
	if err != nil {
		panic(err)
	}
	http.Handle("/", m.Handler(http.NotFoundHandler()))
}

func middleware(next http.Handler) http.Handler {
	m, _ := sessionconfig.Open(context.Background(), ".")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Handler(next).ServeHTTP(w, r) })
}

func (a *app) lazily(w http.ResponseWriter, r *http.Request) {
	a.once.Do(func() { a.m, _ = session.New(nil, session.Config{}) })
	New(nil)
}

func New(any) {}
