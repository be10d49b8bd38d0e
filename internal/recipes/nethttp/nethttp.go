// Package nethttp is the recipe for net/http.
package nethttp

import (
	"fmt"
	"net/http"

	"github.com/expanse-go/session"
)

// Routes returns a site that greets its visitors by name.
func Routes(manager *session.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", greet)
	mux.Handle("POST /name", manager.HandlerFunc(rename))
	mux.HandleFunc("GET /about", about)
	return manager.Handler(mux)
}

func greet(w http.ResponseWriter, r *http.Request) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	fmt.Fprintf(w, "%sHello, %s.\n", session.Get(s, "status", ""), session.Get(s, "user.name", "guest"))
}

// rename gets the session as an argument, so it needs no error branch.
func rename(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("user.name", r.FormValue("name"))
	s.Flash("status", "Saved. ")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// about doesn't ask for the session, so it causes no store call and gets no header.
func about(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "A site that greets you.") }
