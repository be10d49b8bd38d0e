package guides

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	oldexpanse "github.com/expanse-go/session/sessionmigrate/expanse"
	"github.com/expanse-go/session/sessionmigrate/laravel"
	"github.com/expanse-go/session/sqlstore"
)

// NewLaravel is an application that takes over the sessions of Laravel.
func NewLaravel(db *sql.DB, store session.Store, deployed time.Time) (http.Handler, error) {
	records, err := laravel.SQL(db, sqlstore.MySQL, "sessions", 120*time.Minute) // SESSION_LIFETIME
	if err != nil {
		return nil, err
	}
	old, err := laravel.New(records, laravel.Config{
		Cookie: "laravel_session",              // SESSION_COOKIE
		Keys:   []string{os.Getenv("APP_KEY")}, // then those of APP_PREVIOUS_KEYS
	})
	if err != nil {
		return nil, err
	}
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: deployed.Add(24 * time.Hour),
		Owner: laravel.Owner("web"),
		Map:   laravel.Map,
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
		s.Flash("status", "Welcome back.")
	}))
	mux.HandleFunc("GET /", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %s %s", s.Owner(), session.Get(s, "status", ""))
	}))
	mux.HandleFunc("POST /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
	}))
	return manager.Handler(mux), nil
}

// sourceOfExpanse reads the sessions of Expanse, the Python framework.
func sourceOfExpanse(db *sql.DB) (sessionmigrate.Source, error) {
	records, err := oldexpanse.SQL(db, sqlstore.PostgreSQL, "sessions", 120*time.Minute) // lifetime
	if err != nil {
		return nil, err
	}
	return oldexpanse.New(records, oldexpanse.Config{Cookie: "app_session"})
}

var _ = sourceOfExpanse
