package session_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// half changes what it can and panics.
func half(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
	s.Set("data", "half")
	s.Login("eve")
	panic("test")
}

// plain is a handler that asks for its session itself, so that only the middleware knows
// of its request.
func plain(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			session.Error(w, r, err)
			return
		}
		h(w, r, s)
	})
}

// recovering answers for a handler that panics, from the deferred function that recovers.
func recovering(status int, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() == nil {
				return
			}
			http.Error(w, "sorry", status)
		}()
		h.ServeHTTP(w, r)
	})
}

// TestField01Panic: a panic commits nothing, wherever somebody recovers from it, and
// whatever writer they answer by.
func TestField01Panic(t *testing.T) {
	outside := func(status int) func(g *rig, h handler) http.Handler {
		return func(g *rig, h handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var inner http.ResponseWriter // as echo.WrapMiddleware keeps it
				defer func() {
					if recover() == nil {
						return
					}
					http.Error(inner, "sorry", status)
				}()
				g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					inner = w
					plain(h).ServeHTTP(w, r)
				})).ServeHTTP(w, r)
			})
		}
	}
	inside := func(status int) func(g *rig, h handler) http.Handler {
		return func(g *rig, h handler) http.Handler { return g.Handler(recovering(status, plain(h))) }
	}
	around := func(status int) func(g *rig, h handler) http.Handler {
		return func(g *rig, h handler) http.Handler { return g.Handler(recovering(status, g.HandlerFunc(h))) }
	}
	later := func(answer http.HandlerFunc) func(g *rig, h handler) http.Handler {
		return func(g *rig, h handler) http.Handler {
			return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				func() {
					defer func() { recover() }()
					plain(h).ServeHTTP(w, r)
				}()
				answer(w, r)
			}))
		}
	}
	begun := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		io.WriteString(w, "page")
		half(w, r, s)
	}
	tests := []struct {
		name   string
		wrap   func(g *rig, h handler) http.Handler
		h      handler
		status int
		kept   bool
	}{
		{"outside, by the inner writer", outside(500), half, 500, false},
		{"outside, by the inner writer, as a success", outside(200), half, 200, false},
		{"outside, after the first byte", outside(500), begun, 200, false},
		{"around HandlerFunc", around(500), half, 500, false},
		{"around HandlerFunc, as a success", around(200), half, 200, false},
		{"around HandlerFunc, after the first byte", around(500), begun, 200, false},
		{"inside", inside(500), half, 500, false},
		{"inside, another 5xx", inside(503), half, 503, false},
		{"inside, an answer that is none of a fault", inside(422), half, 422, true},
		{"inside, answered later by Error", later(func(w http.ResponseWriter, r *http.Request) {
			session.Error(w, r, errors.New("test"))
		}), half, 500, false},
		{"inside, answered later", later(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), half, 500, true},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			for _, exists := range []bool{true, false} {
				g := newRig(t)
				b := newBrowser()
				if exists {
					b = g.signedUp(t, "before")
				}
				old := g.token(b)
				rep := b.send(c.wrap(g, c.h))
				equal(t, "status", rep.Code, c.status)
				equal(t, "cookies", len(rep.set()), map[bool]int{true: 1}[c.kept])
				if c.status != 200 {
					equal(t, "Vary", rep.Header().Get("Vary"), "Cookie")
				}
				s := load(t, g.Manager, session.Token(g.token(b)))
				equal(t, "stored", s.Owner() == "eve" || session.Get(s, "data", "") == "half", c.kept)
				if !c.kept {
					equal(t, "token", g.token(b), old)
					equal(t, "records", len(g.spy.all()), map[bool]int{true: 1}[exists])
				}
			}
		})
	}
}

// TestLoadThatPanics: a handler that recovers and asks for its session again gets an error.
func TestLoadThatPanics(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.spy.hook(func(string, session.ID) error { panic("the driver") }, nil)
	b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic in the load")
				}
			}()
			_, _ = session.From(r.Context())
		}()
		s, err := session.From(r.Context())
		if s != nil || err == nil {
			t.Errorf("From = %v, %v; want an error", s, err)
		}
		session.Error(w, r, err)
	}))).expect(t, http.StatusInternalServerError, 0)
}

// TestCommitThatPanics: nobody knows what a commit has stored that panics, so the response
// does not say that it has stored nothing.
func TestCommitThatPanics(t *testing.T) {
	g := newRig(t, func(c *session.Config) {
		c.OnEvent = func(_ context.Context, e session.Event) {
			if e.Kind == session.EventCreated {
				panic("the audit log")
			}
		}
	})
	rep := newBrowser().send(g.Handler(recovering(http.StatusOK, plain(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		login(w, r, s)
		io.WriteString(w, "welcome")
	}))))
	rep.expect(t, http.StatusInternalServerError, 0)
	equal(t, "body", rep.Body.String(), "Internal Server Error. Your changes may not have been saved. Check before you try again.\n")
	equal(t, "records", len(g.spy.all()), 1)
}

// TestField01Goexit: a handler that ends its goroutine, as a failing test does, commits as
// little.
func TestField01Goexit(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		var inner http.ResponseWriter
		defer func() { inner.WriteHeader(http.StatusOK) }()
		g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			inner = w
			s.Set("data", "half")
			runtime.Goexit()
		}).ServeHTTP(w, b.request("GET"))
	}()
	<-done
	equal(t, "data", g.data(t, g.token(b))["data"], any("before"))
}

// TestField01NestedManagers: a panic that passes the inner manager is one of the outer
// manager's request as well.
func TestField01NestedManagers(t *testing.T) {
	outer, inner := newRig(t), newRig(t, func(c *session.Config) { c.Cookie.Name = "inner" })
	b := newBrowser()
	b.send(outer.Handler(recovering(http.StatusOK, inner.Handler(plain(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		o, err := outer.From(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		o.Set("data", "half")
		half(w, r, s)
	}))))).expect(t, http.StatusOK, 0)
	equal(t, "records", len(outer.spy.all())+len(inner.spy.all()), 0)
	equal(t, "events", outer.kinds()+" "+inner.kinds(), "dropped dropped")
}

// TestField01ErrorPage: a recoverer outside may answer by a handler that has a session of
// its own request.
func TestField01ErrorPage(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	page := g.Handler(plain(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("failed", true)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	b.send(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				page.ServeHTTP(w, r)
			}
		}()
		g.HandlerFunc(half).ServeHTTP(w, r)
	})).expect(t, http.StatusInternalServerError, 0)
	got := g.data(t, g.token(b))
	equal(t, "data", got["data"], any("before"))
	equal(t, "failed", got["failed"], any(true))
}

// TestField01RefusedOrigin: a panic of the error handler that answers a request from another
// site unwinds the request like any other, though no handler of the application runs.
func TestField01RefusedOrigin(t *testing.T) {
	var inner http.ResponseWriter
	g := newRig(t, func(c *session.Config) {
		c.OnError = func(w http.ResponseWriter, r *http.Request, _ error) {
			inner = w
			s, err := session.From(r.Context())
			if err != nil {
				t.Error(err)
				return
			}
			s.Set("data", "after")
			panic("no template")
		}
	})
	b := g.signedUp(t, "before")
	b.method = "POST"
	b.header.Set("Origin", "https://evil.example")
	b.send(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
			inner.WriteHeader(http.StatusOK)
		}()
		g.HandlerFunc(half).ServeHTTP(w, r)
	}))
	equal(t, "data", g.data(t, g.token(b))["data"], any("before"))
}

// TestField01ErrorWithoutAPanic: a handler that answers a fault itself has its changes
// stored: a logout must not depend on the page that follows.
func TestField01ErrorWithoutAPanic(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Invalidate()
		http.Error(w, "no template", http.StatusInternalServerError)
	}).expect(t, http.StatusInternalServerError, 1)
	equal(t, "records", len(g.spy.all()), 0)
}

// answering gives a handler a time, and answers in its place when that is over, while it
// still runs. It tells when the handler is done.
func answering(status int, done chan struct{}, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		go func() {
			defer close(done)
			h.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		}()
		<-ctx.Done()
		w.WriteHeader(status)
	})
}

// TestField02TimeoutHandler: when somebody else answers for a handler that still runs,
// nothing of its request is stored, neither what it had changed nor what it changes
// later, and it is told why.
func TestField02TimeoutHandler(t *testing.T) {
	timeout := func(_ chan struct{}, h http.Handler) http.Handler {
		return http.TimeoutHandler(h, time.Second, "too slow")
	}
	other := func(status int) func(chan struct{}, http.Handler) http.Handler {
		return func(done chan struct{}, h http.Handler) http.Handler { return answering(status, done, h) }
	}
	set := func(s *session.Session) { s.Set("data", "after") }
	tests := []struct {
		name          string
		wrap          func(done chan struct{}, h http.Handler) http.Handler
		before, after func(s *session.Session)
		status        int
	}{
		{"Set", timeout, set, set, 503},
		{"nothing afterwards", timeout, set, func(*session.Session) {}, 503},
		{"Set afterwards", timeout, func(*session.Session) {}, set, 503},
		{"Update", timeout, set, func(s *session.Session) { session.Update(s, "n", func(n int) int { return n + 1 }) }, 503},
		{"Login", timeout, func(s *session.Session) { s.Login("eve") }, func(s *session.Session) { s.Login("eve") }, 503},
		{"Regenerate", timeout, set, func(s *session.Session) { s.Regenerate() }, 503},
		{"Invalidate", timeout, set, func(s *session.Session) { s.Invalidate() }, 503},
		{"a logout before", timeout, func(s *session.Session) { s.Invalidate() }, set, 503},
		{"a failed write before", timeout, func(s *session.Session) { s.Set("", 1) }, set, 503},
		{"another middleware", other(408), set, set, 408},
		{"another middleware, as a success", other(200), set, set, 503},
		{"another middleware, as a redirect", other(303), set, set, 503},
	}
	for _, c := range tests {
		for _, asked := range []bool{false, true} {
			for _, exists := range []bool{true, false} {
				t.Run(c.name+map[bool]string{true: ", asked for by a guard"}[asked]+map[bool]string{false: ", new"}[exists], func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						g := newRig(t)
						b := newBrowser()
						if exists {
							b = g.signedUp(t, "before")
						}
						old := g.token(b)
						returned := make(chan struct{})
						slow := c.wrap(make(chan struct{}), plain(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
							defer close(returned)
							c.before(s)
							time.Sleep(2 * time.Second)
							c.after(s)
							err := s.Err()
							if !errors.Is(err, session.ErrCommitted) && c.name != "a failed write before" {
								t.Errorf("Err = %v, want one that is ErrCommitted", err)
							}
							if err == nil || strings.Contains(err.Error(), "cookie") {
								t.Errorf("Err = %v, want the reason", err)
							}
						}))
						rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
							if asked {
								session.From(r.Context())
							}
							slow.ServeHTTP(w, r)
						})))
						<-returned
						rep.expect(t, c.status, 0)
						equal(t, "Vary", rep.Header().Get("Vary"), "Cookie")
						if !exists {
							equal(t, "records", len(g.spy.all()), 0)
							return
						}
						s := load(t, g.Manager, session.Token(old))
						equal(t, "owner", s.Owner(), "")
						equal(t, "values", len(s.All()), 1)
						equal(t, "data", session.Get(s, "data", ""), "before")
					})
				})
			}
		}
	}
}

// TestField02TimeoutBesideAnotherDeadline: a context with an earlier deadline, which a part of the
// handler has made for itself and canceled in time, doesn't hide that the handler is too slow.
func TestField02TimeoutBesideAnotherDeadline(t *testing.T) {
	for _, first := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "before")
			old := g.token(b)
			returned := make(chan struct{})
			part := func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, time.Second/2)
				defer cancel()
				if _, err := session.From(ctx); err != nil {
					t.Error(err)
				}
			}
			rep := b.send(g.Handler(http.TimeoutHandler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				defer close(returned)
				if first {
					part(r.Context())
				}
				s, err := session.From(r.Context())
				if err != nil {
					t.Error(err)
					return
				}
				part(r.Context())
				s.Set("data", "after")
				time.Sleep(2 * time.Second)
			}), time.Second, "too slow")))
			<-returned
			rep.expect(t, http.StatusServiceUnavailable, 0)
			equal(t, "data", session.Get(load(t, g.Manager, session.Token(old)), "data", ""), "before")
		})
	}
}

// TestField02ClientGone: http.TimeoutHandler leaves a handler behind as well when the
// client goes away.
func TestField02ClientGone(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	gone, leave := context.WithCancel(t.Context())
	proceed, returned := make(chan struct{}), make(chan struct{})
	h := g.Handler(http.TimeoutHandler(g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		defer close(returned)
		s.Set("data", "half")
		leave()
		<-proceed
		s.Set("data", "after")
		if !errors.Is(s.Err(), session.ErrCommitted) {
			t.Errorf("Err = %v, want ErrCommitted", s.Err())
		}
	}), time.Hour, ""))
	h.ServeHTTP(httptest.NewRecorder(), b.request("GET").WithContext(gone))
	close(proceed)
	<-returned
	equal(t, "data", g.data(t, g.token(b))["data"], any("before"))
}

// TestField02InTime: a deadline that is not over, and one that the whole request has, take
// nothing away; neither does a deadline that a handler sets for something else.
func TestField02InTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "before")
		n := 0
		change := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			n++
			s.Set("n", n)
		}
		limited := func(f func(ctx context.Context), after time.Duration) handler {
			return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				ctx, cancel := context.WithTimeout(r.Context(), time.Second)
				defer cancel()
				f(ctx)
				time.Sleep(after)
				change(w, r, s)
				w.WriteHeader(http.StatusNoContent)
			}
		}
		ask := func(ctx context.Context) { session.From(ctx) }
		faulty := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			time.Sleep(time.Minute)
			change(w, r, s)
			w.WriteHeader(http.StatusInternalServerError)
		}
		for what, h := range map[string]http.Handler{
			"around, and over": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), time.Second)
				defer cancel()
				g.HandlerFunc(faulty).ServeHTTP(w, r.WithContext(ctx))
			}),
			"inside":       g.Handler(http.TimeoutHandler(g.HandlerFunc(change), time.Hour, "")),
			"around":       http.TimeoutHandler(g.HandlerFunc(change), time.Hour, ""),
			"not reached":  g.HandlerFunc(limited(ask, 0)),
			"of something": g.HandlerFunc(limited(func(context.Context) {}, time.Minute)),
		} {
			b.send(h)
			equal(t, what, g.data(t, g.token(b))["n"], any(int64(n)))
		}
		before := n
		twice := func(ctx context.Context) {
			ask(ctx)
			longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Hour)
			defer cancel()
			ask(longer)
		}
		for _, ask := range []func(context.Context){ask, twice} {
			b.send(g.HandlerFunc(limited(ask, time.Minute))).expect(t, http.StatusServiceUnavailable, 0)
			equal(t, "a deadline that From was called with", g.data(t, g.token(b))["n"], any(int64(before)))
		}
	})
}

// TestField02AskedAfterwards: a handler that is behind and asks only now can read, and is
// told that it can store nothing, even if the middleware that has answered has not returned
// yet.
func TestField02AskedAfterwards(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	answered, returned := make(chan struct{}), make(chan struct{})
	b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.TimeoutHandler(late(t, answered, returned), time.Millisecond, "").ServeHTTP(w, r)
		close(answered)
		<-returned
	}))).expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "data", g.data(t, g.token(b))["data"], any("before"))

	answered, returned = make(chan struct{}), make(chan struct{})
	b.send(g.Handler(http.TimeoutHandler(late(t, answered, returned), time.Millisecond, ""))).expect(t, http.StatusServiceUnavailable, 0)
	close(answered)
	<-returned
	equal(t, "data", g.data(t, g.token(b))["data"], any("before"))
}

// late asks for its session, and changes it, when it has been answered for.
func late(t *testing.T, answered <-chan struct{}, returned chan<- struct{}) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		defer close(returned)
		<-answered
		s, err := session.From(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		equal(t, "data", session.Get(s, "data", ""), "before")
		s.Set("data", "after")
		if err := s.Err(); !errors.Is(err, session.ErrCommitted) || strings.Contains(err.Error(), "cookie") {
			t.Errorf("Err = %v, want one that is ErrCommitted and says why", err)
		}
	})
}
