package guides

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	fibersession "github.com/gofiber/fiber/v3/middleware/session"
	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	oldfiber "github.com/expanse-go/session/sessionmigrate/fiber"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
)

// OldFiber is an application on the session middleware of Fiber.
func OldFiber(storage fiber.Storage) http.Handler {
	app := fiber.New()
	app.Use(fibersession.New(fibersession.Config{Storage: storage}))
	app.Post("/login", func(c fiber.Ctx) error {
		id, err := strconv.Atoi(c.FormValue("user"))
		if err != nil || c.FormValue("password") != "secret" {
			return fiber.ErrForbidden
		}
		s := fibersession.FromContext(c)
		if err := s.Regenerate(); err != nil {
			return err
		}
		s.Set("user_id", id)
		return nil
	})
	app.Get("/", func(c fiber.Ctx) error {
		id, _ := fibersession.FromContext(c).Get("user_id").(int)
		return c.SendString(fmt.Sprintf("user %d", id))
	})
	return adaptor.FiberApp(app)
}

// NewFiber is the same application on net/http, which takes over the sessions of Fiber from the
// storage redis.
func NewFiber(store session.Store, client redis.UniversalClient, deployed time.Time) (http.Handler, error) {
	old := oldfiber.New(redisrecords.New(client, ""), oldfiber.Config{})
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: deployed.Add(24 * time.Hour), // the longest that a session of the old application is used without a pause
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		return nil, err
	}
	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		id, err := authenticate(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		s.Login(strconv.Itoa(id))
	}))
	mux.HandleFunc("GET /", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %s", s.Owner())
	}))
	return manager.Handler(mux), nil
}
