package chi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/go-chi/chi/v5"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// TestSuite runs the suite of the adapters on the middleware in a chi router.
func TestSuite(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, adaptertest.Harness{
		Serve: func(tb testing.TB, app *adaptertest.App) string {
			r := chi.NewRouter()
			r.Use(recoverer, app.Manager.Handler)
			r.NotFound(func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
			routes(r, app)
			server := httptest.NewServer(r)
			tb.Cleanup(server.Close)
			return server.URL
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status, _ := session.ErrorStatus(err)
			refuse(w, status)
		},
	})
}

func refuse(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	io.WriteString(w, adaptertest.ErrorText(status))
}

// recoverer is chi's, with a text.
func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				refuse(w, http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// with calls a handler with the session.
func with(h func(w http.ResponseWriter, r *http.Request, s *session.Session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			session.Error(w, r, err)
			return
		}
		h(w, r, s)
	}
}

func routes(r chi.Router, app *adaptertest.App) {
	r.Get("/plain", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "plain") })
	r.Get("/show", with(func(w http.ResponseWriter, _ *http.Request, s *session.Session) { io.WriteString(w, app.Show(s)) }))
	r.Post("/save", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Save(s)
		http.Redirect(w, r, "/show", http.StatusSeeOther)
	}))
	r.Post("/hop", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Hop(s)
		http.Redirect(w, r, "/show", http.StatusSeeOther)
	}))
	r.Post("/add", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		n := r.URL.Query().Get("n")
		app.Add(s, n)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"added": n})
	}))
	r.Post("/quiet", with(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		app.Quiet(s)
		w.WriteHeader(http.StatusNoContent)
	}))
	r.Post("/upload", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		n, err := app.Upload(s, r.Body)
		if err != nil {
			session.Error(w, r, err)
			return
		}
		fmt.Fprint(w, n)
	}))
	r.Get("/sse", with(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range app.Events(s) {
			fmt.Fprintf(w, "data: %s\n\n", event)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	r.Get("/stream", with(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		for line := range app.Lines(s) {
			fmt.Fprintln(w, line)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	r.Get("/socket", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Socket(s)
		echo(w, r)
	}))
	r.Get("/panic", with(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { app.Panic(s) }))
	r.Get("/refuse", with(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		app.Refuse(s)
		refuse(w, http.StatusForbidden)
	}))
	r.Get("/fail", with(func(w http.ResponseWriter, r *http.Request, s *session.Session) { session.Error(w, r, app.Fail(s)) }))
}

// echo upgrades to a WebSocket that sends one message back.
func echo(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	kind, message, err := conn.Read(r.Context())
	if err == nil {
		_ = conn.Write(r.Context(), kind, message)
	}
}
