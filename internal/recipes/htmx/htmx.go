// Package htmx is the recipe for htmx.
package htmx

import (
	"fmt"
	"html"
	"net/http"

	"github.com/expanse-go/session"
)

// Routes returns a page that htmx refreshes in part, for signed-in users.
func Routes(manager *session.Manager) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", loginPage)
	mux.Handle("POST /login", manager.HandlerFunc(login))
	mux.Handle("GET /inbox", signedIn(manager.HandlerFunc(inbox)))
	mux.Handle("GET /inbox/unread", signedIn(manager.IgnoreActivity(manager.HandlerFunc(unread))))
	mux.Handle("POST /inbox/read", signedIn(manager.HandlerFunc(read)))
	return manager.Handler(mux)
}

// signedIn sends anonymous visitors to the login page. To a request of htmx, it responds with
// HX-Redirect, so that the browser opens the page. With an ordinary redirect, htmx would put the
// login page into the element that it refreshes.
func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "HX-Request")
		s, err := session.From(r.Context())
		switch {
		case err != nil:
			session.Error(w, r, err)
		case s.Owner() != "":
			next.ServeHTTP(w, r)
		case r.Header.Get("HX-Request") == "true":
			w.Header().Set("HX-Redirect", "/login")
			w.WriteHeader(http.StatusNoContent)
		default:
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		}
	})
}

func loginPage(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, `<form method="post"><input name="user"><button>Sign in</button></form>`)
}

func login(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Login(r.FormValue("user")) // after the password has been checked
	s.Set("unread", 3)
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}

func inbox(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	fmt.Fprintf(w, `<h1>%s</h1><p hx-get="/inbox/unread" hx-trigger="every 30s">%d unread</p>`+
		`<button hx-post="/inbox/read" hx-target="previous p">Mark as read</button>`,
		html.EscapeString(s.Owner()), session.Get(s, "unread", 0))
}

// unread is polled, so it doesn't keep the session alive.
func unread(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	fmt.Fprintf(w, "%d unread", session.Get(s, "unread", 0))
}

// read shows its message in the fragment that answers the request, and not on the next page.
func read(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	s.Set("unread", 0)
	s.FlashNow("status", "Done.")
	fmt.Fprintf(w, "%d unread. %s", session.Get(s, "unread", 0), session.Get(s, "status", ""))
}
