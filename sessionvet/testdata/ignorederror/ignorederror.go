package ignorederror

import (
	"context"
	"net/http"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionecho"
	"github.com/expanse-go/session/sessionfiber"
	"github.com/expanse-go/session/sessiongin"
	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v5"
)

func bad(w http.ResponseWriter, r *http.Request, m *session.Manager, e *echo.Context, g *gin.Context, f fiber.Ctx) {
	s, _ := session.From(r.Context()) // want `the error of From is ignored: if the store fails, the session is nil and its use panics; answer with session.Error\(w, r, err\) and return`
	s.Set("a", 1)
	s, _ = m.From(r.Context())           // want `the error of From is ignored`
	var t, _ = session.From(r.Context()) // want `the error of From is ignored`
	t.Set("a", 1)
	s, _ = sessionecho.From(e)  // want `return sessionecho.Error\(err\)`
	s, _ = sessionfiber.From(f) // want `return sessionfiber.Error\(err\)`
	s, _ = sessiongin.From(g)   // want `call sessiongin.Error\(c, err\) and return`
	s.Set("a", 1)
}

func good(w http.ResponseWriter, r *http.Request, m *session.Manager) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	_, _ = session.From(r.Context()) // loads the session before the first byte
	n, _ := session.Lookup[int](s, "n")
	s.Set("n", n)
	s, _ = From(r.Context())
	_, err = m.From(r.Context())
	var f struct{ s *session.Session }
	f.s, _ = m.From(r.Context())
	_ = err
}

func From(context.Context) (*session.Session, error) { return nil, nil }
