// Package templ is the recipe for templ.
package templ

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/expanse-go/session"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1100 generate

// Routes returns a site with a form.
func Routes(manager *session.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /profile", manager.HandlerFunc(show))
	mux.Handle("POST /profile", manager.HandlerFunc(save))
	return manager.Handler(mux)
}

// show has loaded the session before templ writes to the response, and passes on the context,
// in which the component Flash finds it.
func show(w http.ResponseWriter, r *http.Request, s *session.Session) {
	templ.Handler(Profile(session.Get(s, "user.name", ""))).ServeHTTP(w, r)
}

func save(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("user.name", r.FormValue("name"))
	s.Flash("status", "Saved.")
	http.Redirect(w, r, "/profile", http.StatusSeeOther)
}
