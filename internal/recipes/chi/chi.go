// Package chi is the recipe for chi.
package chi

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/expanse-go/session"
)

// Routes returns a site with a part for signed-in users.
func Routes(manager *session.Manager) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, manager.Handler)
	r.Post("/login", login)
	r.Route("/account", func(r chi.Router) {
		r.Use(signedIn)
		r.Get("/", account)
		r.Post("/logout", logout)
	})
	return r
}

// signedIn is middleware of a group of routes: From finds the session there, too.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		switch {
		case err != nil:
			session.Error(w, r, err)
		case s.Owner() == "":
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func login(w http.ResponseWriter, r *http.Request) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	s.Login(r.FormValue("user")) // after the password has been checked
	s.Flash("status", "Welcome")
	http.Redirect(w, r, "/account/", http.StatusSeeOther)
}

func account(w http.ResponseWriter, r *http.Request) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	fmt.Fprintf(w, "%s, %s", session.Get(s, "status", "Hello again"), s.Owner())
}

func logout(w http.ResponseWriter, r *http.Request) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	s.Invalidate()
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
