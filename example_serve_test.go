package session_test

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/expanse-go/session"
)

// Serve connects a framework whose handlers return errors, and which responds to them when all
// middleware has returned.
func ExampleManager_Serve() {
	manager := newManager()
	type handler func(w http.ResponseWriter, r *http.Request) error
	respond := func(w http.ResponseWriter, _ *http.Request, err error) {
		status, advice := session.ErrorStatus(err)
		http.Error(w, advice, status)
	}
	sessions := func(next handler) handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			return manager.Serve(w, r, respond, func(w http.ResponseWriter, r *http.Request) (int, error) {
				return http.StatusOK, next(w, r)
			})
		}
	}

	order := sessions(func(w http.ResponseWriter, r *http.Request) error {
		s, err := session.From(r.Context())
		if err != nil {
			return err
		}
		s.Set("order", r.FormValue("item"))
		if r.FormValue("item") == "moon" {
			return errors.New("sold out") // the order is dropped
		}
		_, err = fmt.Fprintln(w, "Thank you.")
		return err
	})
	for _, item := range []string{"book", "moon"} {
		w := httptest.NewRecorder()
		err := order(w, httptest.NewRequest(http.MethodPost, "/?item="+item, nil))
		fmt.Println(item, err, w.Header()["Set-Cookie"] != nil)
	}
	// Output:
	// book <nil> true
	// moon sold out false
}

// An error handler in the style of the application.
func ExampleErrorStatus() {
	status, advice := session.ErrorStatus(session.ErrEnded)
	fmt.Println(status, advice)
	// Output:
	// 409 Your session has changed, so nothing was saved. Reload the page and try again.
}

// A template gets the session, and reads its values by their paths.
func ExampleSession_Value() {
	page := template.Must(template.New("page").Parse(
		"{{with .Session.Value `status`}}{{.}} {{end}}Hello {{or (.Session.Value `user.name`) `guest`}}!\n"))
	show := func(s *session.Session) {
		_ = page.Execute(os.Stdout, map[string]any{"Session": s})
	}
	visit(newManager(),
		show,
		func(s *session.Session) { s.Set("user.name", "Ada"); s.Flash("status", "Saved.") },
		show,
		show,
	)
	// Output:
	// Hello guest!
	// Saved. Hello Ada!
	// Hello Ada!
}
