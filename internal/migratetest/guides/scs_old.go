package guides

import (
	"database/sql"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/v2"
)

// OldSCS is an application on scs.
func OldSCS(db *sql.DB) http.Handler {
	sessions := scs.New()
	sessions.Store = postgresstore.NewWithCleanupInterval(db, 0)
	sessions.Lifetime = 24 * time.Hour

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		id, err := authenticate(r)
		if err == nil {
			err = sessions.RenewToken(r.Context())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		sessions.Put(r.Context(), "user_id", id)
		sessions.Put(r.Context(), "flash", "Welcome back.")
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		id := sessions.GetInt(r.Context(), "user_id")
		fmt.Fprintf(w, "user %d %s", id, sessions.PopString(r.Context(), "flash"))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return sessions.LoadAndSave(mux)
}
