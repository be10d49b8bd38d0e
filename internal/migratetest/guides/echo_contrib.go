package guides

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/sessions"
	echosession "github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
)

// OldEcho is an application on echo-contrib/session.
func OldEcho(store sessions.Store) http.Handler {
	e := echo.New()
	e.Use(echosession.Middleware(store))
	e.POST("/login", func(c echo.Context) error {
		id, err := authenticate(c.Request())
		if err != nil {
			return echo.NewHTTPError(http.StatusForbidden, err.Error())
		}
		s, err := echosession.Get("app", c)
		if err != nil {
			return err
		}
		s.Values["user_id"] = id
		return s.Save(c.Request(), c.Response())
	})
	e.GET("/", func(c echo.Context) error {
		s, err := echosession.Get("app", c)
		if err != nil {
			return err
		}
		id, _ := s.Values["user_id"].(int)
		return c.String(http.StatusOK, fmt.Sprintf("user %d", id))
	})
	return e
}

// NewEcho is the same application, which takes over the sessions of echo-contrib/session.
func NewEcho(store session.Store, old sessionmigrate.Source, deployed time.Time) (http.Handler, error) {
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: deployed.Add(30 * 24 * time.Hour), // Options.MaxAge of the old store
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		return nil, err
	}
	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
	if err != nil {
		return nil, err
	}

	e := echo.New()
	e.POST("/login", func(c echo.Context) error {
		id, err := authenticate(c.Request())
		if err != nil {
			return echo.NewHTTPError(http.StatusForbidden, err.Error())
		}
		s, err := session.From(c.Request().Context())
		if err != nil {
			return err
		}
		s.Login(strconv.Itoa(id))
		return c.NoContent(http.StatusOK)
	})
	e.GET("/", func(c echo.Context) error {
		s, err := session.From(c.Request().Context())
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, "user "+s.Owner())
	})
	return manager.Handler(e), nil
}
