package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// inactive marks the request of a session as passive.
func inactive(s *session.Session, err error) (*session.Session, error) {
	if err == nil {
		s.IgnoreActivity()
	}
	return s, err
}

// mustFrom and mustInactive are the two ways to get the session of a request.
func mustFrom(r *http.Request) *session.Session     { return must(session.From(r.Context())) }
func mustInactive(r *http.Request) *session.Session { return must(inactive(session.From(r.Context()))) }

func must(s *session.Session, err error) *session.Session {
	if err != nil {
		panic(err)
	}
	return s
}

// passive makes the request of a handler passive.
func passive(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, _ *session.Session) { h(w, r, mustInactive(r)) }
}

// passiveWays returns all ways to make a request passive, each with a handler that
// reads.
func (g *rig) passiveWays() map[string]http.Handler {
	get := func(s *session.Session) { session.Get(s, "data", "") }
	from := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { get(mustFrom(r)) })
	loadedBefore := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			get(mustFrom(r))
			next.ServeHTTP(w, r)
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", g.IgnoreActivity(from))
	return map[string]http.Handler{
		"Peek": g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { get(mustInactive(r)) })),
		"Peek of the manager": g.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			get(must(inactive(g.From(r.Context()))))
		})),
		"From, then Peek": g.Handler(loadedBefore(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { get(mustInactive(r)) }))),
		"Peek, then From": g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mustInactive(r)
			from(w, r)
		})),
		"Passive inside":                 g.Handler(mux),
		"Passive outside":                g.IgnoreActivity(g.Handler(from)),
		"Passive alone":                  g.IgnoreActivity(from),
		"Passive inside, after the load": g.Handler(loadedBefore(g.IgnoreActivity(from))),
		"without HTTP": http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			g.commitOf(r, func(ctx context.Context, _ *session.Session) { get(must(inactive(session.From(ctx)))) })
		}),
		"without HTTP, by Passive": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.commitOf(r, func(ctx context.Context, _ *session.Session) { g.IgnoreActivity(from).ServeHTTP(w, r.WithContext(ctx)) })
		}),
	}
}

// commitOf is what another transport does: Load, NewContext, Commit.
func (g *rig) commitOf(r *http.Request, f func(context.Context, *session.Session)) {
	c, err := r.Cookie(g.CookieName())
	if err != nil {
		panic(err)
	}
	s := must(g.Load(r.Context(), session.Token(c.Value)))
	f(session.NewContext(r.Context(), s), s)
	if cookie, err := g.Commit(r.Context(), s); cookie != nil || err != nil {
		panic(fmt.Sprint(cookie, err))
	}
}

// TestIgnoreActivityProlongsNothing: a page that polls every minute does not keep its
// session alive, however the poll is marked. An active request would touch the session.
func TestIgnoreActivityProlongsNothing(t *testing.T) {
	for _, every := range []time.Duration{0, -1} {
		for name := range newRig(t).passiveWays() {
			t.Run(fmt.Sprintf("%s, TouchEvery %d", name, every), func(t *testing.T) {
				g := newRig(t, func(c *session.Config) { c.TouchEvery = every })
				poll := g.passiveWays()[name]
				b := g.signedUp(t, "x")
				first := g.spy.all()[0]
				for range 119 {
					g.clock.Advance(time.Minute)
					b.send(poll).expect(t, http.StatusOK, 0)
				}
				equal(t, "store calls", g.spy.taken(), strings.TrimSpace(strings.Repeat("load ", 119)))
				g.clock.Advance(time.Minute - 1)
				b.send(poll).expect(t, http.StatusOK, 0)
				equal(t, "data at the last instant", g.data(t, g.token(b))["data"], any("x"))
				equal(t, "record", g.spy.all()[0].LastActivity, first.LastActivity)
				equal(t, "events", g.kinds(), "")
				g.clock.Advance(1)
				b.send(poll).expect(t, http.StatusOK, 0)
				equal(t, "events when the time is over", g.kinds(), "expired")
			})
		}
	}
}

// TestIgnoreActivityStoresData: what a passive request writes is stored, and the
// session still ends when it would have ended without the request.
func TestIgnoreActivityStoresData(t *testing.T) {
	for _, without := range []string{"", "Toucher"} {
		spy := newSpyStore()
		var store session.Store = spy
		if without != "" {
			store = listingStore{plainStore{spy}}
		}
		g := newRigOn(t, store)
		b := g.signedUp(t, "x")
		first := spy.all()[0]
		g.clock.Advance(time.Hour)
		g.visit(b, passive(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			add(w, r, s)
			equal(t, "ExpiresAt with changes", s.ExpiresAt(), first.ExpiresAt)
			io.WriteString(w, "page")
			add(w, r, s) // after the first byte
		})).expect(t, http.StatusOK, 0)
		r := spy.all()[0]
		equal(t, "LastActivity", r.LastActivity, first.LastActivity)
		equal(t, "ExpiresAt", r.ExpiresAt, first.ExpiresAt)
		equal(t, "version", r.Version, 3)
		equal(t, "n", g.data(t, g.token(b))["n"], any(int64(2)))

		g.clock.Advance(time.Hour)
		g.kinds()
		g.visit(b, passive(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "new after the idle timeout", s.IsNew(), true)
		}))
		equal(t, "events", g.kinds(), "expired")
	}
}

// TestIgnoreActivityCommitsTooLate: a passive request that commits after the session
// has expired is refused, because it does not extend the session.
func TestIgnoreActivityCommitsTooLate(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		code  int
	}{{time.Hour - 1, http.StatusOK}, {time.Hour, http.StatusConflict}} {
		g := newRig(t)
		b := g.signedUp(t, "x")
		g.clock.Advance(time.Hour)
		g.visit(b, passive(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			g.clock.Advance(c.after)
			add(w, r, s)
		})).expect(t, c.code, 0)
	}
}

// TestIgnoreActivityAndActivity: if a passive request does something that only a
// visitor does, it counts as activity.
func TestIgnoreActivityAndActivity(t *testing.T) {
	tests := []struct {
		name    string
		f       func(*session.Session)
		cookies int
		lives   time.Duration
	}{
		{"Login", func(s *session.Session) { s.Login("ada") }, 1, 2 * time.Hour},
		{"Regenerate", func(s *session.Session) { s.Regenerate() }, 1, 2 * time.Hour},
		{"SetTimeouts", func(s *session.Session) { s.SetTimeouts(90*time.Minute, 0) }, 0, 90 * time.Minute},
		{"SetPersistent", func(s *session.Session) { s.SetPersistent(false) }, 1, time.Hour}, // affects only the cookie
		{"Regenerate, taken back", func(s *session.Session) { s.Regenerate(); s.Rollback() }, 0, time.Hour},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			g.clock.Advance(time.Hour)
			g.visit(b, passive(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { c.f(s) })).expect(t, http.StatusOK, c.cookies)
			equal(t, "life left", g.spy.all()[0].ExpiresAt.Sub(g.clock.Now()), c.lives)
		})
	}
}

// TestIgnoreActivityBeginsAndEnds: a session that a passive request creates has its
// full lifetime, and a logout takes effect.
func TestIgnoreActivityBeginsAndEnds(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, passive(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", "x")
		equal(t, "ExpiresAt", s.ExpiresAt(), g.clock.Now().Add(2*time.Hour))
	})).expect(t, http.StatusOK, 1)
	equal(t, "life", g.spy.all()[0].ExpiresAt.Sub(g.clock.Now()), 2*time.Hour)
	g.visit(b, passive(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })).expect(t, http.StatusOK, 1)
	equal(t, "records", len(g.spy.all()), 0)
}

// TestIgnoreActivityDoesNotRotate: a passive request gets no new token, whatever it
// stores; the next active request does.
func TestIgnoreActivityDoesNotRotate(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	b := g.signedUp(t, "x")
	g.clock.Advance(time.Hour)
	for _, h := range []handler{read, add, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.SetTimeouts(0, 0) }} {
		g.visit(b, passive(h)).expect(t, http.StatusOK, 0)
	}
	g.visit(b, read).expect(t, http.StatusOK, 1)
	equal(t, "events", g.kinds(), "rotated")
}

// TestIgnoreActivityAndFlash: a passive request uses up only the messages that it has
// read, even if its client sends no fetch metadata or claims to navigate.
func TestIgnoreActivityAndFlash(t *testing.T) {
	show := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.Get(s, "f", "") }
	late := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		io.WriteString(w, "page")
		show(w, r, s)
	}
	look := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Has("f") }
	redirect := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		show(w, r, s)
		w.WriteHeader(http.StatusSeeOther)
	}
	tests := []struct {
		name string
		h    handler
		left bool
	}{
		{"not read", look, true}, {"read", show, false}, {"read after the first byte", late, false}, {"read and redirected", redirect, true},
	}
	for _, c := range tests {
		for _, mode := range []string{"", "navigate", "cors"} {
			t.Run(c.name+" "+mode, func(t *testing.T) {
				g := newRig(t)
				b := newBrowser()
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					s.Set("data", "x")
					s.Flash("f", "hello")
				})
				first := g.spy.all()[0]
				g.clock.Advance(time.Hour)
				if mode != "" {
					b.header.Set("Sec-Fetch-Mode", mode)
				}
				g.visit(b, passive(c.h))
				_, left := g.data(t, g.token(b))["f"]
				equal(t, "left", left, c.left)
				equal(t, "ExpiresAt", g.spy.all()[0].ExpiresAt, first.ExpiresAt)
			})
		}
	}
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Flash("f", "hello") })
	g.commitOf(b.request("GET"), func(ctx context.Context, _ *session.Session) { must(inactive(session.From(ctx))) })
	equal(t, "left by Commit", g.data(t, g.token(b))["f"], any("hello"))
}

// TestIgnoreActivityInLine: a batch updates the time of last activity if one of its
// requests is active, whoever leads it.
func TestIgnoreActivityInLine(t *testing.T) {
	tooLarge := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("big", strings.Repeat("x", 990))
	}
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("set", "x") }
	tests := []struct {
		name  string
		line  []handler
		moves bool
		codes string
	}{
		{"passive holds", []handler{passive(add), add}, true, "200 200 200"},
		{"passive waits", []handler{add, passive(add)}, true, "200 200 200"},
		{"in the middle", []handler{passive(add), add, passive(add)}, true, "200 200 200 200"},
		{"only passive", []handler{passive(add), passive(add), passive(set)}, false, "200 200 200 200"},
		{"the active one is left out", []handler{tooLarge, passive(add)}, false, "200 500 200"},
		{"the active one is left out, in the middle", []handler{passive(set), tooLarge, passive(add)}, false, "200 200 500 200"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, func(c *session.Config) { c.MaxBytes = 1000 })
				b := g.signedUp(t, "x")
				first := g.spy.all()[0]
				g.clock.Advance(10 * time.Minute)
				equal(t, "outcomes", codes(g.crowd(b, passive(add), c.line...)), c.codes)
				equal(t, "updates", g.spy.count("update"), 2)
				equal(t, "touches", g.spy.count("touch"), 0)
				want := first
				if c.moves {
					want.LastActivity, want.ExpiresAt = g.clock.Now(), g.clock.Now().Add(2*time.Hour)
				}
				got := g.spy.all()[0]
				equal(t, "LastActivity", got.LastActivity, want.LastActivity)
				equal(t, "ExpiresAt", got.ExpiresAt, want.ExpiresAt)
			})
		})
	}
}

// TestIgnoreActivityUndoesNoTouch: during a passive request, an active request only
// reads, in this process or another one. Its touch does not change the version, and the
// commit of the passive request must not restore the older time.
func TestIgnoreActivityUndoesNoTouch(t *testing.T) {
	for _, h := range []handler{add, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", "y") }} {
		for _, elsewhere := range []bool{false, true} {
			g := newRig(t)
			visitor := g
			if elsewhere {
				visitor = newRigOn(t, g.spy)
			}
			b := g.signedUp(t, "x")
			g.clock.Advance(time.Hour)
			visitor.clock.Advance(g.clock.Now().Sub(visitor.clock.Now()))
			g.visit(b, passive(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				g.spy.taken()
				visitor.visit(g.with(g.token(b)), read).expect(t, http.StatusOK, 0)
				equal(t, "store calls of the visitor", g.spy.taken(), "load touch")
				h(w, r, s)
			})).expect(t, http.StatusOK, 0)
			equal(t, "store calls of the commit", g.spy.taken(), "load update")
			equal(t, "life left", g.spy.all()[0].ExpiresAt.Sub(g.clock.Now()), 2*time.Hour)
			equal(t, "events", g.kinds(), "")
		}
	}
}

// TestIgnoreActivityLostAnswer: a passive commit whose result was lost is not stored
// twice.
func TestIgnoreActivityLostAnswer(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	var once sync.Once
	g.spy.hook(nil, func(op string, _ session.ID, err error) error {
		if op == "update" {
			once.Do(func() { err = io.ErrUnexpectedEOF })
		}
		return err
	})
	g.visit(b, passive(add)).expect(t, http.StatusOK, 0)
	equal(t, "store calls", g.spy.taken(), "load load update load")
	equal(t, "n", g.data(t, g.token(b))["n"], any(int64(1)))
}

// TestIgnoreActivityConcurrently: the goroutines of one request may get the session in
// either way.
func TestIgnoreActivityConcurrently(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.clock.Advance(time.Hour)
	b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				switch i % 4 {
				case 0:
					mustFrom(r).Set("k", i)
				case 1:
					mustInactive(r).ExpiresAt()
				case 2:
					g.IgnoreActivity(http.NotFoundHandler()).ServeHTTP(discardWriter{}, r)
				case 3:
					add(w, r, must(inactive(g.From(r.Context()))))
				}
			})
		}
		wg.Wait()
	}))).expect(t, http.StatusOK, 0)
	equal(t, "life left", g.spy.all()[0].ExpiresAt.Sub(g.clock.Now()), time.Hour)
	equal(t, "n", g.data(t, g.token(b))["n"], any(int64(3)))
}

// A discardWriter is a response writer that discards the response.
type discardWriter struct{}

func (discardWriter) Header() http.Header         { return http.Header{} }
func (discardWriter) WriteHeader(int)             {}
func (discardWriter) Write(b []byte) (int, error) { return len(b), nil }

// TestIgnoreActivityErrors: the errors are those of From.
func TestIgnoreActivityErrors(t *testing.T) {
	g := newRig(t)
	if s, err := inactive(session.From(t.Context())); s != nil || !errors.Is(err, session.ErrNoSession) {
		t.Errorf("From outside = %v, %v", s, err)
	}
	if s, err := inactive(g.From(session.NewContext(t.Context(), nil))); s != nil || !errors.Is(err, session.ErrNoSession) {
		t.Errorf("From of nil = %v, %v", s, err)
	}
	b := g.signedUp(t, "x")
	g.spy.hook(func(string, session.ID) error { return io.ErrUnexpectedEOF }, nil)
	b.send(g.IgnoreActivity(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := inactive(session.From(r.Context())); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("From with the store down = %v", err)
		}
		_, err := session.From(r.Context())
		session.Error(w, r, err)
	}))).expect(t, http.StatusServiceUnavailable, 0)
	// The sessions of other managers are not affected.
	other := newRig(t, func(c *session.Config) { c.Cookie.Name = "other" })
	c := other.signedUp(t, "x")
	other.clock.Advance(time.Hour)
	c.send(other.Handler(g.IgnoreActivity(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		session.Get(must(other.From(r.Context())), "data", "")
	})))).expect(t, http.StatusOK, 0)
	equal(t, "store calls of the other manager", other.spy.taken(), "load touch")
}
