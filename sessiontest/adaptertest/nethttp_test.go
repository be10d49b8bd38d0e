package adaptertest_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// TestNetHTTP runs the suite on the middleware of package session itself.
func TestNetHTTP(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, harness(middleware))
}

// TestServe runs it on what the adapters are built on.
func TestServe(t *testing.T) {
	t.Parallel()
	h := harness(serve)
	h.OnError = nil
	adaptertest.Run(t, h)
}

// TestRecovered runs it with a middleware that recovers from panics, inside and outside.
func TestRecovered(t *testing.T) {
	t.Parallel()
	t.Run("inside", func(t *testing.T) {
		t.Parallel()
		adaptertest.Run(t, harness(func(m *session.Manager, app http.Handler) http.Handler { return middleware(m, recovers(app)) }))
	})
	t.Run("outside", func(t *testing.T) {
		t.Parallel()
		adaptertest.Run(t, harness(func(m *session.Manager, app http.Handler) http.Handler { return recovers(middleware(m, app)) }))
	})
}

// harness serves the routes behind a middleware.
func harness(wrap func(m *session.Manager, app http.Handler) http.Handler) adaptertest.Harness {
	return adaptertest.Harness{
		Serve: func(tb testing.TB, app *adaptertest.App) string {
			server := httptest.NewUnstartedServer(wrap(app.Manager, routes(app)))
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the panics
			server.Start()
			tb.Cleanup(server.Close)
			return server.URL
		},
		OnError: onError,
	}
}

// onError answers with the error page of this "framework".
func onError(w http.ResponseWriter, _ *http.Request, err error) {
	status, _ := session.ErrorStatus(err)
	refuse(w, status)
}

func middleware(m *session.Manager, app http.Handler) http.Handler { return m.Handler(app) }

// serve is the middleware of an adapter.
func serve(m *session.Manager, app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = m.Serve(w, r, onError, func(w http.ResponseWriter, r *http.Request) (int, error) {
			app.ServeHTTP(w, r)
			return 0, nil
		})
	})
}

func recovers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if v := recover(); v != nil {
				refuse(w, http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// refuse is the error handler of this "framework".
func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	io.WriteString(w, adaptertest.ErrorText(status))
}

// routes are the routes of the suite for net/http.
func routes(app *adaptertest.App) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request, s *session.Session)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s, err := session.From(r.Context())
			if err != nil {
				session.Error(w, r, err)
				return
			}
			h(w, r, s)
		})
	}
	mux.HandleFunc("GET /plain", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "plain") })
	handle("GET /show", func(w http.ResponseWriter, _ *http.Request, s *session.Session) { io.WriteString(w, app.Show(s)) })
	handle("POST /save", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Save(s)
		http.Redirect(w, r, "/show", http.StatusSeeOther)
	})
	handle("POST /hop", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Hop(s)
		http.Redirect(w, r, "/show", http.StatusSeeOther)
	})
	handle("POST /add", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		n := r.URL.Query().Get("n")
		app.Add(s, n)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"added": n})
	})
	handle("POST /quiet", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		app.Quiet(s)
		w.WriteHeader(http.StatusNoContent)
	})
	handle("POST /upload", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		n, err := app.Upload(s, r.Body)
		if err != nil {
			session.Error(w, r, err)
			return
		}
		fmt.Fprint(w, n)
	})
	handle("GET /sse", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Set("Content-Type", "text/event-stream")
		for event := range app.Events(s) {
			fmt.Fprintf(w, "data: %s\n\n", event)
			_ = http.NewResponseController(w).Flush()
		}
	})
	handle("GET /stream", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		for line := range app.Lines(s) {
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		}
	})
	handle("GET /socket", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		app.Socket(s)
		_ = echo(w, r)
	})
	handle("GET /panic", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { app.Panic(s) })
	handle("GET /refuse", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		app.Refuse(s)
		refuse(w, http.StatusForbidden)
	})
	handle("GET /fail", func(w http.ResponseWriter, r *http.Request, s *session.Session) { session.Error(w, r, app.Fail(s)) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
	return mux
}

// echo upgrades to a WebSocket that sends one short message back.
func echo(w http.ResponseWriter, r *http.Request) error {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	return reply(rw)
}

func reply(rw *bufio.ReadWriter) error {
	head := make([]byte, 6)
	if _, err := io.ReadFull(rw, head); err != nil {
		return err
	}
	data := make([]byte, head[1]&0x7f)
	if len(data) > 125 {
		return errors.New("the message is too long")
	}
	if _, err := io.ReadFull(rw, data); err != nil {
		return err
	}
	for i := range data {
		data[i] ^= head[2+i%4]
	}
	if _, err := rw.Write(append([]byte{0x81, byte(len(data))}, data...)); err != nil {
		return err
	}
	return rw.Flush()
}
