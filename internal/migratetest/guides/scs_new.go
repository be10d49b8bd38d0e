package guides

import (
	"database/sql"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	oldscs "github.com/expanse-go/session/sessionmigrate/scs"
	"github.com/expanse-go/session/sqlstore"
)

// NewSCS is the same application, which takes over the sessions of scs.
func NewSCS(db *sql.DB, deployed time.Time) (http.Handler, error) {
	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{Table: "web_sessions"})
	if err != nil {
		return nil, err
	}
	records, err := oldscs.SQL(db, sqlstore.PostgreSQL, "sessions")
	if err != nil {
		return nil, err
	}
	migration, err := sessionmigrate.New(store, oldscs.New(records, oldscs.Config{}), sessionmigrate.Config{
		Until: deployed.Add(24 * time.Hour), // sessions.Lifetime of scs
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		return nil, err
	}
	manager, err := session.New(store, session.Config{
		IdleTimeout: 24 * time.Hour, // scs has none by default; the default here is two hours
		TakeOver:    migration.TakeOver,
	})
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
		s.Flash("flash", "Welcome back.")
	}))
	mux.HandleFunc("GET /", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %s %s", s.Owner(), session.Get(s, "flash", ""))
	}))
	mux.HandleFunc("POST /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
	}))
	return manager.Handler(mux), nil
}
