package session_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// A witness is a response writer that implements all optional interfaces. It records
// which of its methods were called, and what was stored when the response began.
type witness struct {
	*httptest.ResponseRecorder
	calls  []string
	stored int // records and versions in the store at the first byte, -1 before
	count  func() int
}

func (w *witness) note(call string) {
	w.calls = append(w.calls, call)
	if w.stored < 0 {
		w.stored = w.count()
	}
}

func (w *witness) WriteHeader(status int) {
	if status < 200 && status != http.StatusSwitchingProtocols {
		return // the recorder would treat it as the final status
	}
	w.note("WriteHeader")
	w.ResponseRecorder.WriteHeader(status)
}

func (w *witness) Write(b []byte) (int, error) {
	w.note("Write")
	return w.ResponseRecorder.Write(b)
}

func (w *witness) WriteString(s string) (int, error) {
	w.note("WriteString")
	return w.ResponseRecorder.WriteString(s)
}

func (w *witness) ReadFrom(r io.Reader) (int64, error) {
	w.note("ReadFrom")
	return io.Copy(w.ResponseRecorder, r)
}

func (w *witness) Flush() {
	w.note("Flush")
	w.ResponseRecorder.Flush()
}

func (w *witness) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.note("Hijack")
	c, _ := net.Pipe()
	return c, bufio.NewReadWriter(bufio.NewReader(c), bufio.NewWriter(c)), nil
}

// begin lists every way in which a handler can begin its response, with the method of
// the underlying writer that must be called after the commit.
var begin = []struct {
	name, below string
	f           func(w http.ResponseWriter, r *http.Request) error
}{
	{"WriteHeader", "WriteHeader", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	}},
	{"WriteHeader 404", "WriteHeader", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}},
	{"WriteHeader 101", "WriteHeader", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusSwitchingProtocols)
		return nil
	}},
	{"early hints, then WriteHeader", "WriteHeader", func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
		return nil
	}},
	{"Write", "Write", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write([]byte("body"))
		return err
	}},
	{"empty Write", "Write", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.Write(nil)
		return err
	}},
	{"WriteString", "WriteString", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "body")
		return err
	}},
	{"ReadFrom", "ReadFrom", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := w.(io.ReaderFrom).ReadFrom(io.LimitReader(strings.NewReader("body"), 4))
		return err
	}},
	{"Flush", "Flush", func(w http.ResponseWriter, _ *http.Request) error {
		w.(http.Flusher).Flush()
		return nil
	}},
	{"ResponseController.Flush", "Flush", func(w http.ResponseWriter, _ *http.Request) error {
		return http.NewResponseController(w).Flush()
	}},
	{"Hijack", "Hijack", func(w http.ResponseWriter, _ *http.Request) error {
		_, _, err := w.(http.Hijacker).Hijack()
		return err
	}},
	{"ResponseController.Hijack", "Hijack", func(w http.ResponseWriter, _ *http.Request) error {
		_, _, err := http.NewResponseController(w).Hijack()
		return err
	}},
	{"redirect", "WriteHeader", func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, "/next", http.StatusSeeOther)
		return nil
	}},
	{"http.Error", "WriteHeader", func(w http.ResponseWriter, _ *http.Request) error {
		http.Error(w, "no", http.StatusTeapot)
		return nil
	}},
	{"nothing at all", "", func(http.ResponseWriter, *http.Request) error { return nil }},
}

// TestCommitBeforeTheFirstByte: however the response begins, the session is stored and
// its cookie set before the underlying writer is called.
func TestCommitBeforeTheFirstByte(t *testing.T) {
	for _, c := range begin {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			w := &witness{ResponseRecorder: httptest.NewRecorder(), stored: -1, count: func() int { return len(g.spy.all()) }}
			g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Set("a", 1)
				if err := c.f(w, r); err != nil {
					t.Error(err)
				}
			}).ServeHTTP(w, newBrowser().request("GET"))
			if c.below == "" {
				equal(t, "calls below", len(w.calls), 0)
			} else if len(w.calls) == 0 || w.calls[0] != c.below {
				t.Errorf("calls below = %v, want %s first", w.calls, c.below)
			}
			equal(t, "stored at the first byte", w.stored, map[bool]int{true: 1, false: -1}[c.below != ""])
			equal(t, "cookies", len(w.Header()["Set-Cookie"]), 1)
			equal(t, "Vary", w.Header().Get("Vary"), "Cookie")
			equal(t, "Cache-Control", w.Header().Get("Cache-Control"), "no-store")
			equal(t, "store calls", g.spy.taken(), "create")
			equal(t, "events", g.kinds(), "created")
		})
	}
}

// TestFailedCommit: if the commit fails before the first byte, only the error handler
// writes the response; later writes of the handler fail.
func TestFailedCommit(t *testing.T) {
	down := errors.New("connection refused")
	for _, c := range begin {
		t.Run(c.name, func(t *testing.T) {
			handled := 0
			g := newRig(t, func(cfg *session.Config) {
				cfg.OnError = func(w http.ResponseWriter, r *http.Request, err error) {
					handled++
					if !errors.Is(err, down) {
						t.Errorf("error = %v, want %v", err, down)
					}
					session.DefaultError(w, r, err)
				}
			})
			g.spy.hook(func(op string, _ session.ID) error { return down }, nil)
			w := &witness{ResponseRecorder: httptest.NewRecorder(), stored: -1, count: func() int { return 0 }}
			w.Header().Set("X-Request-Id", "7")
			g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				w.Header().Set("X-Secret", "1")
				w.Header().Set("Content-Length", "1000000")
				w.Header().Del("X-Request-Id")
				http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
				s.Set("a", 1)
				c.f(w, r)
				if c.below == "" {
					return
				}
				if n, err := w.Write([]byte("secret")); n != 0 || !errors.Is(err, down) {
					t.Errorf("later Write = %d, %v, want the commit's error", n, err)
				}
				if n, err := io.WriteString(w, "secret"); n != 0 || !errors.Is(err, down) {
					t.Errorf("later WriteString = %d, %v, want the commit's error", n, err)
				}
				if n, err := io.Copy(w, strings.NewReader("secret")); n != 0 || !errors.Is(err, down) {
					t.Errorf("later io.Copy = %d, %v, want the commit's error", n, err)
				}
				if err := http.NewResponseController(w).Flush(); !errors.Is(err, down) {
					t.Errorf("later Flush = %v, want the commit's error", err)
				}
				if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, down) {
					t.Errorf("later Hijack = %v, want the commit's error", err)
				}
				w.WriteHeader(http.StatusOK)
			}).ServeHTTP(w, newBrowser().request("GET"))
			equal(t, "status", w.Code, http.StatusServiceUnavailable)
			equal(t, "body", w.Body.String(), "Service Unavailable. Your changes may not have been saved. Check before you try again.\n")
			equal(t, "calls of the error handler", handled, 1)
			equal(t, "calls below", strings.Join(w.calls, " "), "WriteHeader Write Flush")
			h := w.Header()
			for _, name := range []string{"Set-Cookie", "X-Secret"} {
				if h[name] != nil {
					t.Errorf("%s = %q after a failed commit", name, h[name])
				}
			}
			equal(t, "Content-Length", h.Get("Content-Length"), strconv.Itoa(w.Body.Len()))
			equal(t, "header from before the handler", h.Get("X-Request-Id"), "7")
			equal(t, "Retry-After", h.Get("Retry-After"), "2")
			equal(t, "Vary", h.Get("Vary"), "Cookie")
			if !strings.Contains(g.log(), "commit failed") {
				t.Errorf("log = %q, want the failure", g.log())
			}
		})
	}
}

// TestLate tests changes after the response has begun.
func TestLate(t *testing.T) {
	set := func(s *session.Session) { s.Set("b", 2) }
	tests := []struct {
		name   string
		exists bool
		late   func(s *session.Session)
		lost   bool
		data   int // the number of stored values at the end
	}{
		{"existing session", true, set, false, 2},
		{"existing session, Update", true, func(s *session.Session) {
			session.Update(s, "n", func(n int) int { return n + 1 })
		}, false, 2},
		{"new session", false, set, true, 0},
		{"Login", true, func(s *session.Session) { set(s); s.Login("ada") }, true, 1},
		{"Login of a new session", false, func(s *session.Session) { s.Login("ada") }, true, 0},
		{"Regenerate", true, func(s *session.Session) { set(s); s.Regenerate() }, true, 1},
		{"SetPersistent", true, func(s *session.Session) { s.SetPersistent(true) }, true, 1},
		{"Invalidate", true, func(s *session.Session) { s.Invalidate() }, false, 0},
		{"Invalidate and start anew", true, func(s *session.Session) { s.Invalidate(); set(s) }, true, 0}, // a logout always takes effect
		{"nothing", true, func(*session.Session) {}, false, 1},
		{"nothing new", false, func(*session.Session) {}, false, 0},
	}
	for _, c := range tests {
		for _, first := range []bool{true, false} {
			name := c.name + map[bool]string{true: ", asked for before", false: ", asked for after"}[first]
			t.Run(name, func(t *testing.T) {
				g := newRig(t)
				b := newBrowser()
				if c.exists {
					b = g.signedUp(t, "a")
				}
				token := g.token(b)
				rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if first {
						session.From(r.Context())
					}
					io.WriteString(w, "page")
					s, err := session.From(r.Context())
					if err != nil {
						t.Error(err)
						return
					}
					c.late(s)
					if c.lost && !errors.Is(s.Err(), session.ErrCommitted) {
						t.Errorf("Err = %v, want ErrCommitted", s.Err())
					}
				})))
				rep.expect(t, http.StatusOK, 0)
				equal(t, "body", rep.Body.String(), "page")
				equal(t, "late event", strings.Contains(g.kinds(), "late"), c.lost)
				equal(t, "log", strings.Contains(g.log(), "ERROR"), c.lost)
				equal(t, "values stored", len(g.data(t, token)), c.data)
				if !c.exists {
					equal(t, "records", len(g.spy.all()), 0)
				}
			})
		}
	}
}

// TestPanicCommitsNothing: a panic before or after the first byte stores nothing more,
// with and without an outer handler that recovers.
func TestPanicCommitsNothing(t *testing.T) {
	for _, after := range []bool{false, true} {
		g := newRig(t)
		b := g.signedUp(t, "before")
		w := httptest.NewRecorder()
		var got any
		func() {
			defer func() { got = recover() }()
			g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				if after {
					io.WriteString(w, "page")
				}
				s.Set("data", "after")
				panic(http.ErrAbortHandler)
			}).ServeHTTP(w, b.request("GET"))
		}()
		equal(t, "panic", got, any(http.ErrAbortHandler))
		equal(t, "store calls", g.spy.taken(), "load")
		equal(t, "cookies", len(w.Header()["Set-Cookie"]), 0)
		equal(t, "data", g.data(t, g.token(b))["data"], any("before"))
	}
}

// TestRefusedTrailers: after a failed commit, a handler sends nothing, not even in a trailer.
func TestRefusedTrailers(t *testing.T) {
	g := newRig(t)
	g.spy.hook(func(op string, _ session.ID) error { return errors.New("down") }, nil)
	server := httptest.NewServer(g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", 1)
		_, err := io.WriteString(w, "page")
		w.Header().Set(http.TrailerPrefix+"Message", err.Error())
	}))
	defer server.Close()
	res, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "status", res.StatusCode, http.StatusServiceUnavailable)
	equal(t, "has the text of DefaultError", strings.Contains(string(text), "may not have been saved"), true)
	equal(t, "trailers", len(res.Trailer), 0)
}

// TestPanicOfRefusedWrite: a handler that panics because its write was refused does not
// abort the answer of the error handler; any other panic continues.
func TestPanicOfRefusedWrite(t *testing.T) {
	other := errors.New("other")
	for _, of := range []error{nil, other} {
		g := newRig(t)
		g.spy.hook(func(op string, _ session.ID) error { return errors.New("down") }, nil)
		w := httptest.NewRecorder()
		var got any
		func() {
			defer func() { got = recover() }()
			g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("data", 1)
				_, err := io.WriteString(w, "page")
				panic(fmt.Errorf("writing the page: %w", cmp.Or(of, err)))
			}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		}()
		equal(t, "status", w.Code, http.StatusServiceUnavailable)
		err, _ := got.(error)
		equal(t, "panic continues", errors.Is(err, other), of != nil)
	}
}

// TestNestedManagers: each manager has its own session and cookie, and the failure of
// either one fails the response.
func TestNestedManagers(t *testing.T) {
	name := func(n string) func(*session.Config) { return func(c *session.Config) { c.Cookie.Name = n } }
	newPair := func() (outer, inner *rig, h http.Handler) {
		outer, inner = newRig(t, name("outer")), newRig(t, name("inner"))
		h = outer.Handler(inner.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			o, oerr := outer.From(r.Context())
			i, ierr := inner.From(r.Context())
			s, err := session.From(r.Context())
			if oerr != nil || ierr != nil || err != nil || s != i || s == o {
				t.Errorf("From: outer %p %v, inner %p %v, innermost %p %v", o, oerr, i, ierr, s, err)
			}
			o.Set("who", "outer")
			i.Set("who", "inner")
			io.WriteString(w, "page")
		})))
		return outer, inner, h
	}
	outer, inner, h := newPair()
	b := newBrowser()
	b.send(h).expect(t, http.StatusOK, 2)
	equal(t, "outer", outer.data(t, outer.token(b))["who"], any("outer"))
	equal(t, "inner", inner.data(t, inner.token(b))["who"], any("inner"))
	if got := b.send(h); got.Header().Get("Vary") != "Cookie" || len(got.Header()["Vary"]) != 1 || len(got.set()) != 0 {
		t.Errorf("second request: %v", got.Header())
	}
	for _, down := range []string{"outer", "inner"} {
		outer, inner, h := newPair()
		map[string]*rig{"outer": outer, "inner": inner}[down].spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
		rep := newBrowser().send(h)
		equal(t, down+" down", rep.Code, http.StatusServiceUnavailable)
		equal(t, down+" down: body", rep.Body.String(), "Service Unavailable. Your changes may not have been saved. Check before you try again.\n")
		for _, line := range rep.set() {
			if strings.Contains(line, down) {
				t.Errorf("%s is down, and its cookie was sent: %q", down, line)
			}
		}
	}
}

// TestWrappedTwice: a manager wrapped around itself acts as one middleware.
func TestWrappedTwice(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	h := g.Handler(g.Handler(g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		again, err := g.From(r.Context())
		if s != again || err != nil {
			t.Errorf("From = %p, %v, want %p", again, err, s)
		}
		session.Update(s, "n", func(n int) int { return n + 1 })
		w.WriteHeader(http.StatusNoContent)
	})))
	b.send(h).expect(t, http.StatusNoContent, 1)
	b.send(h).expect(t, http.StatusNoContent, 0)
	equal(t, "store calls", g.spy.taken(), "create load update")
	equal(t, "n", g.data(t, g.token(b))["n"], any(int64(2)))
}

// TestUntouched: a request that never uses the session causes no store call and no
// header.
func TestUntouched(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
		io.WriteString(w, "page")
	})))
	rep.expect(t, http.StatusOK, 0)
	equal(t, "store calls", g.spy.taken(), "")
	equal(t, "Vary", rep.Header().Get("Vary"), "")
	equal(t, "Cache-Control", rep.Header().Get("Cache-Control"), "public, max-age=60")
}

// TestLoadOnce: the result of the first load, even an error, is kept for the whole
// request.
func TestLoadOnce(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
	rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		_, again := session.From(r.Context())
		var store *session.StoreError
		if s != nil || !errors.As(err, &store) || err != again || store.Op != "load" {
			t.Errorf("From = %v, %v, then %v", s, err, again)
		}
		session.Error(w, r, err)
	})))
	rep.expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "store calls", g.spy.taken(), "load")
}

// TestCommitOutlivesTheClient: if the client disconnects, nothing is lost.
func TestCommitOutlivesTheClient(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	gone, leave := context.WithCancel(t.Context())
	g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", "after")
		leave()
		io.WriteString(w, "page")
	}).ServeHTTP(httptest.NewRecorder(), b.request("GET").WithContext(gone))
	equal(t, "data", g.data(t, g.token(b))["data"], any("after"))
}

// TestRecovererInside: an Update function that panics in the commit panics in the write
// of the handler. The error handler has responded by then, so that a handler that
// recovers cannot report success. Nothing of the request is stored.
func TestRecovererInside(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() == nil {
				t.Error("no panic in the write")
			}
			w.WriteHeader(http.StatusOK)
			io.WriteString(w, "recovered")
		}()
		s, _ := session.From(r.Context())
		s.Set("other", 1)
		first := true
		session.Update(s, "n", func(n int) int {
			if !first {
				panic("test")
			}
			first = false
			return n + 1
		})
		g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("fast", 1) })
		io.WriteString(w, "page")
	})))
	rep.expect(t, http.StatusInternalServerError, 0)
	equal(t, "body", rep.Body.String(), "Internal Server Error. Your changes may not have been saved. Check before you try again.\n")
	equal(t, "values", len(g.data(t, g.token(b))), 2)
	equal(t, "log", strings.Contains(g.log(), "the commit panicked"), true)
}

// TestLoginDuringTheCommit: a login by another goroutine after the response has begun
// has no effect, because the client cannot get the new token.
func TestLoginDuringTheCommit(t *testing.T) {
	for name, rotate := range rotations {
		g := newRig(t)
		b := g.signedUp(t, "x")
		rep := g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("a", 1)
			g.spy.hook(func(op string, _ session.ID) error {
				if op == "update" {
					g.spy.hook(nil, nil)
					rotate(s)
				}
				return nil
			}, nil)
			io.WriteString(w, "page")
		})
		rep.expect(t, http.StatusOK, 0)
		equal(t, name+": events", g.kinds(), "late")
		s, err := g.Load(t.Context(), session.Token(g.token(b)))
		if err != nil || s.Owner() != "" || len(s.All()) != 2 {
			t.Errorf("%s: owner %q, data %v, %v", name, s.Owner(), s.All(), err)
		}
	}
}

// TestLateWriteKeepsTheNewToken: a change after the first byte is committed on top of
// the first commit, and keeps its new token.
func TestLateWriteKeepsTheNewToken(t *testing.T) {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Set("a", 1)
	s.Flash("seen", 1)
	old, err := m.Commit(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	h := m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login("ada")
		w.WriteHeader(http.StatusOK)
		s.Set("b", 2)
	})
	r := httptest.NewRequest("GET", "https://example.com/", nil)
	r.AddCookie(old)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies = %v", cookies)
	}
	for _, c := range []struct {
		token  string
		owner  string
		values int
	}{{old.Value, "", 0}, {cookies[0].Value, "ada", 2}} {
		s, err := m.Load(ctx, session.Token(c.token))
		if err != nil || s.Owner() != c.owner || len(s.All()) != c.values {
			t.Errorf("owner %q, data %v, error %v; want %q and %d values", s.Owner(), s.All(), err, c.owner, c.values)
		}
	}
}

// TestErrorDropsTheChanges: the commit does not replace the error response of a handler
// by its own.
func TestErrorDropsTheChanges(t *testing.T) {
	handled := 0
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1,
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			handled++
			http.Error(w, "no such text", http.StatusUnprocessableEntity)
		}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("text", "\xff")
		if err := s.Err(); err != nil {
			session.Error(w, r, err)
		}
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusUnprocessableEntity || handled != 1 {
		t.Errorf("status %d, error handler called %d times", w.Code, handled)
	}
}

// TestSilentErrorHandler: a request that is refused is never answered with a 200, even if the
// error handler writes nothing.
func TestSilentErrorHandler(t *testing.T) {
	var calls callCounter
	m, err := session.New(calls.wrap(memstore.New(memstore.Config{})), session.Config{
		PruneEvery: -1, Logger: quiet, OnError: func(http.ResponseWriter, *http.Request, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	calls.failing("load", errors.New("down"))
	handler := m.HandlerFunc(func(http.ResponseWriter, *http.Request, *session.Session) { t.Error("the handler ran") })
	foreign := httptest.NewRequest("POST", "https://example.com/", nil)
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	unloaded := httptest.NewRequest("GET", "https://example.com/", nil)
	unloaded.AddCookie(&http.Cookie{Name: m.CookieName(), Value: string(token)})
	for want, r := range map[int]*http.Request{http.StatusForbidden: foreign, http.StatusServiceUnavailable: unloaded} {
		w := httptest.NewRecorder()
		handler(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", r.Method, w.Code, want)
		}
	}
}

// TestErrorWithoutASession: a context that has no session is no reason to panic.
func TestErrorWithoutASession(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(session.NewContext(r.Context(), nil))
	_, err := session.From(r.Context())
	equal(t, "error", err, session.ErrNoSession)
	w := httptest.NewRecorder()
	session.Error(w, r, err)
	equal(t, "status", w.Code, http.StatusInternalServerError)
}

// TestClosedManager: after Close, nothing is stored, not even by a request that is
// running, and changes are not dropped silently.
func TestClosedManagerStoresNothing(t *testing.T) {
	m := newManager()
	w := httptest.NewRecorder()
	var kept *session.Session
	m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		kept = s
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
		s.Set("a", 1)
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header()["Set-Cookie"] != nil {
		t.Errorf("status %d, header %v", w.Code, w.Header())
	}
	kept.Rollback()
	kept.Set("b", 1)
	if !errors.Is(kept.Err(), session.ErrCommitted) {
		t.Errorf("Err after the request = %v, want ErrCommitted", kept.Err())
	}
}

// TestOutageIsLogged: a failure of the store during loads is logged.
func TestOutageIsLogged(t *testing.T) {
	var log strings.Builder
	down := errors.New("connection refused")
	store := sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, c sessiontest.Call, next func() error) error {
		if c.Op == "load" {
			return down
		}
		return next()
	})
	m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	if _, err := m.Load(t.Context(), token); !errors.Is(err, down) {
		t.Errorf("error = %v", err)
	}
	if !strings.Contains(log.String(), down.Error()) || strings.Contains(log.String(), string(token)) {
		t.Errorf("log = %q", &log)
	}
}

// TestField22RequestHasEnded: a change after the request is refused by an error that says
// so and speaks of no cookie, and that callers compare with ErrCommitted.
func TestField22RequestHasEnded(t *testing.T) {
	changes := map[string]func(s *session.Session){
		"Set":           func(s *session.Session) { s.Set("a", 1) },
		"Invalidate":    (*session.Session).Invalidate,
		"SetPersistent": func(s *session.Session) { s.SetPersistent(true) },
	}
	for name, rotate := range rotations {
		changes[name] = rotate
	}
	for name, change := range changes {
		for _, asked := range []bool{true, false} {
			g := newRig(t)
			b := g.signedUp(t, "x")
			var ctx context.Context
			b.send(g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if ctx = r.Context(); asked {
					session.From(ctx)
				}
			})))
			s, err := session.From(ctx)
			if err != nil {
				t.Fatal(err)
			}
			change(s)
			if err := s.Err(); !errors.Is(err, session.ErrCommitted) || !strings.Contains(err.Error(), "request has ended") || strings.Contains(err.Error(), "cookie") {
				t.Errorf("%s, asked for before: %t: Err = %v", name, asked, err)
			}
			equal(t, name+": data", g.data(t, g.token(b))["data"], any("x"))
		}
	}
	if text := session.ErrCommitted.Error(); !strings.Contains(text, "the response has begun") || strings.Contains(text, "ended") {
		t.Errorf("ErrCommitted = %q, want it to speak of the response only", text)
	}
}

// TestField29LateAfterALogout: a stream that writes after its visitor has logged out is no
// fault of the program; one whose write needs a cookie is.
func TestField29LateAfterALogout(t *testing.T) {
	for _, loggedOut := range []bool{true, false} {
		g := newRig(t)
		b := g.signedUp(t, "x")
		g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			io.WriteString(w, "page")
			if loggedOut {
				g.visit(g.with(g.token(b)), logout)
				add(w, r, s)
			} else {
				s.Login("ada")
			}
		}).expect(t, http.StatusOK, 0)
		equal(t, "late", strings.Contains(g.kinds(), "late"), true)
		equal(t, "alarm", strings.Contains(g.log(), "ERROR"), !loggedOut)
		equal(t, "word", strings.Contains(g.log(), "level=INFO") && strings.Contains(g.log(), "the session had ended"), loggedOut)
	}
}

// TestFilesOfFormsAreRemoved: net/http removes the temporary files of a form that a handler has
// parsed, although the handler has got a copy of the request.
func TestFilesOfFormsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	parsed := make(chan int, 1)
	parse := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseMultipartForm(1)
		if err != nil {
			t.Error(err)
		}
		files, _ := os.ReadDir(folder)
		parsed <- len(files)
		if r.URL.Path == "/panic" {
			defer func() { recover(); http.Error(w, "panic", http.StatusInternalServerError) }()
			panic("of the handler")
		}
	})
	one, two := newRig(t), newRig(t)
	for name, h := range map[string]http.Handler{
		"Handler": one.Handler(parse),
		"of two":  one.Handler(two.Handler(one.Handler(parse))),
		"a form that was parsed before": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseMultipartForm(1)
			one.Handler(parse).ServeHTTP(w, r)
		}),
		"Serve": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = one.Serve(w, r, nil, func(w http.ResponseWriter, r *http.Request) (int, error) {
				parse(w, r)
				return 0, nil
			})
		}),
	} {
		for _, path := range []string{"/", "/panic"} {
			server := httptest.NewServer(h)
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			f, err := form.CreateFormFile("file", "name")
			if err == nil {
				_, err = f.Write(make([]byte, 100))
			}
			if err != nil || form.Close() != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(server.URL+path, form.FormDataContentType(), &body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			equal(t, name+": files while the handler runs", <-parsed, 1)
			server.Close() // waits for the end of the request
			files, _ := os.ReadDir(folder)
			equal(t, name+path+": files at the end", len(files), 0)
			for _, left := range files {
				os.Remove(filepath.Join(folder, left.Name()))
			}
		}
	}
}
