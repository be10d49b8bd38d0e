package session_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

var errHandler = errors.New("the handler fails")

// refuseWith is an error handler that marks its response.
func refuseWith(w http.ResponseWriter, _ *http.Request, err error) {
	status, _ := session.ErrorStatus(err)
	w.Header().Set("X-Error", "own")
	w.WriteHeader(status)
}

// TestServe: Serve returns what has gone wrong, and commits unless the handler fails.
func TestServe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		down    bool
		method  string
		site    string
		next    func(w http.ResponseWriter, r *http.Request) (int, error)
		want    error // nil: success
		status  int   // 0: the response has not begun
		stored  bool
		handled bool // by the error handler
	}{
		"success": {
			next: func(http.ResponseWriter, *http.Request) (int, error) { return 0, nil }, stored: true,
		},
		"an error": {
			next: func(http.ResponseWriter, *http.Request) (int, error) { return 500, errHandler }, want: errHandler,
		},
		"an error after the response": {
			next: func(w http.ResponseWriter, r *http.Request) (int, error) {
				w.WriteHeader(http.StatusAccepted)
				mustFrom(r).Set("late", true)
				return 0, errHandler
			},
			want: errHandler, status: 202, stored: true,
		},
		"a commit that fails at the end": {
			down: true,
			next: func(http.ResponseWriter, *http.Request) (int, error) { return 204, nil },
			want: errDown, status: 503, handled: true,
		},
		"a commit that fails at a write": {
			down: true,
			next: func(w http.ResponseWriter, _ *http.Request) (int, error) {
				_, err := io.WriteString(w, "saved")
				return 0, errors.Join(errHandler, err)
			},
			want: errDown, status: 503, handled: true,
		},
		"a proxy that aborts because its write fails": {
			down: true,
			next: func(w http.ResponseWriter, _ *http.Request) (int, error) {
				if _, err := io.WriteString(w, "saved"); err != nil {
					panic(http.ErrAbortHandler)
				}
				return 0, nil
			},
			want: errDown, status: 503, handled: true,
		},
		"an error that the handler responds to": {
			next: func(w http.ResponseWriter, r *http.Request) (int, error) {
				session.Error(w, r, errHandler)
				return 0, nil
			},
			status: 500, handled: true,
		},
		"a cross-origin request": {
			site: "cross-site",
			next: func(http.ResponseWriter, *http.Request) (int, error) { panic("called") },
			want: session.ErrCrossOrigin, status: 403, handled: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newSpyStore()
			store.before = func(op string, _ session.ID) error {
				if test.down && op == "create" {
					return errDown
				}
				return nil
			}
			m, err := session.New(store, session.Config{
				PruneEvery: -1, Logger: slog.New(slog.DiscardHandler),
				OnError: func(http.ResponseWriter, *http.Request, error) { t.Error("Config.OnError was called") },
			})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Sec-Fetch-Site", test.site)
			w := httptest.NewRecorder()
			w.Code = 0
			err = m.Serve(w, r, refuseWith, func(w http.ResponseWriter, r *http.Request) (int, error) {
				mustFrom(r).Set("n", 1)
				return test.next(w, r)
			})
			if !errors.Is(err, test.want) {
				t.Errorf("Serve returned %v; want %v", err, test.want)
			}
			if handled := w.Header().Get("X-Error") != ""; w.Code != test.status || handled != test.handled {
				t.Errorf("got status %d, from the error handler: %t; want %d, %t", w.Code, handled, test.status, test.handled)
			}
			if stored := w.Header().Get("Set-Cookie") != ""; stored != test.stored {
				t.Errorf("stored: %t; want %t", stored, test.stored)
			}
			if test.stored {
				if s := sessiontest.Session(t, m, r, w.Result()); !s.Has("n") || s.Has("late") {
					t.Errorf("stored: %v; want n alone", s.All())
				}
			}
		})
	}
}

var errDown = errors.New("the store is down")

// TestServeStatus: the status that the framework is about to send decides about flash messages,
// like that of a response.
func TestServeStatus(t *testing.T) {
	t.Parallel()
	for status, kept := range map[int]bool{0: false, 200: false, 404: false, 303: true} {
		m := newManager()
		token := stored(t, m, func(s *session.Session) { s.Flash("status", "Saved.") })
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: m.CookieName(), Value: string(token)})
		err := m.Serve(httptest.NewRecorder(), r, nil, func(_ http.ResponseWriter, r *http.Request) (int, error) {
			mustFrom(r)
			return status, nil
		})
		if got := load(t, m, token).Has("status"); err != nil || got != kept {
			t.Errorf("status %d: the message is kept: %t, want %t; error %v", status, got, kept, err)
		}
	}
}

// TestServeInside: inside of Handler or of another Serve of the manager, Serve reports errors,
// and the one around it commits.
func TestServeInside(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{nil, errHandler} {
		m := newManager()
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := m.Serve(w, r, nil, func(_ http.ResponseWriter, r *http.Request) (int, error) {
				mustFrom(r).Set("n", 1)
				return 0, failure
			})
			if !errors.Is(err, failure) {
				t.Errorf("Serve returned %v; want %v", err, failure)
			}
		})).ServeHTTP(w, r)
		if got := w.Header().Get("Set-Cookie") != ""; got != (failure == nil) {
			t.Errorf("error %v: stored: %t", failure, got)
		}
	}
}

// TestServePanics: a panic goes through Serve, and nothing is stored.
func TestServePanics(t *testing.T) {
	t.Parallel()
	m := newManager()
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v; want boom", v)
			}
			w.WriteHeader(http.StatusInternalServerError)
		}()
		_ = m.Serve(w, httptest.NewRequest(http.MethodPost, "/", nil), nil, func(_ http.ResponseWriter, r *http.Request) (int, error) {
			mustFrom(r).Set("n", 1)
			panic("boom")
		})
	}()
	if got := w.Header().Get("Set-Cookie"); got != "" {
		t.Errorf("the session is stored: %s", got)
	}
}

// TestHandlersInServe: the handlers of the package use the error handler of the Serve around them.
func TestHandlersInServe(t *testing.T) {
	t.Parallel()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	for name, h := range map[string]http.Handler{
		"HandlerFunc":  m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, _ *session.Session) { never(w, r) }),
		"RequireLogin": m.RequireLogin("/login")(never),
		"RequireFresh": m.RequireFresh(time.Minute, "/confirm")(never),
		"ForwardAuth":  m.ForwardAuth(session.ForwardAuthConfig{}),
	} {
		w := httptest.NewRecorder()
		err = m.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), refuseWith, func(w http.ResponseWriter, r *http.Request) (int, error) {
			h.ServeHTTP(w, r)
			return 0, nil
		})
		if err != nil || w.Code != http.StatusServiceUnavailable || w.Header().Get("X-Error") == "" {
			t.Errorf("%s: got %v, status %d and %v; want a 503 of the error handler", name, err, w.Code, w.Header())
		}
	}
}
