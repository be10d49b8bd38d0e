package session_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func write(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", "late") }
func read(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
	session.Get(s, "data", "")
}

// rotations are the calls that rotate because privileges change.
var rotations = map[string]func(s *session.Session){
	"Login":      func(s *session.Session) { s.Login("ada") },
	"Regenerate": func(s *session.Session) { s.Regenerate() },
}

// TestRotationKillsTheOldToken: after the commit, the old token has no access. Until
// the grace period ends, it is recognised as replaced, so that a concurrent request
// with it does not replace the new cookie.
func TestRotationKillsTheOldToken(t *testing.T) {
	for name, rotate := range rotations {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "mine")
			old := g.token(b)
			var id session.ID
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				id = s.ID()
				rotate(s)
			}).expect(t, http.StatusOK, 1)
			if g.token(b) == old || g.token(b)[:16] != old[:16] {
				t.Error("the token must change in its secret and keep its ID")
			}
			equal(t, "events", g.kinds(), "rotated")
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "ID", s.ID(), id)
				equal(t, "data", session.Get(s, "data", ""), "mine")
			}).expect(t, http.StatusOK, 0)

			for _, late := range []time.Duration{0, 30*time.Second - 1} {
				g.clock.Advance(late)
				g.visit(g.with(old), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					equal(t, "values", len(s.All()), 0)
					equal(t, "owner", s.Owner(), "")
					equal(t, "new", s.IsNew(), true)
					if s.ID() == id {
						t.Error("the old token sees the session's ID")
					}
				}).expect(t, http.StatusOK, 0)
				equal(t, "events", g.kinds(), "replaced")
				for what, f := range map[string]func(*session.Session){
					"Set":        func(s *session.Session) { s.Set("data", "evil") },
					"Flash":      func(s *session.Session) { s.Flash("f", 1) },
					"Regenerate": func(s *session.Session) { s.Regenerate() },
				} {
					rep := g.visit(g.submitting(old), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { f(s) })
					rep.expect(t, http.StatusConflict, 0)
					equal(t, what+": events", g.kinds(), "replaced dropped")
				}
				g.visit(g.with(old), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					s.Invalidate()
				}).expect(t, http.StatusOK, 0)
				g.kinds()
			}
			g.clock.Advance(1)
			g.visit(g.with(old), read).expect(t, http.StatusOK, 0)
			// A token of an anonymous session proves nothing about the owner's one.
			equal(t, "events after the grace", g.kinds(), map[string]string{"Login": "unknown-token", "Regenerate": "token-reuse"}[name])
			g.visit(g.with(old), write).expect(t, http.StatusOK, 1)
			equal(t, "data", g.data(t, g.token(b))["data"], any("mine"))
		})
	}
}

// TestSlowRequest: the session ends in various ways while a request runs. The request
// can still read. Its writes are dropped with a 409 and no cookie, and the session does
// not come back.
func TestSlowRequest(t *testing.T) {
	ends := map[string]func(t *testing.T, g *rig, b *browser, id session.ID){
		"logout": func(_ *testing.T, g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })
		},
		"logout and a new session": func(_ *testing.T, g *rig, b *browser, _ session.ID) {
			g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Invalidate()
				s.Set("data", "new")
			})
		},
		"login": func(_ *testing.T, g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("eve") })
		},
		"two logins": func(_ *testing.T, g *rig, b *browser, _ session.ID) {
			for range 2 {
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("eve") })
			}
		},
		"rotation": func(_ *testing.T, g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
		},
		"revocation": func(t *testing.T, g *rig, _ *browser, id session.ID) {
			if err := g.Revoke(t.Context(), id); err != nil {
				t.Error(err)
			}
		},
		"revocation of all of the owner's": func(t *testing.T, g *rig, _ *browser, _ session.ID) {
			if n, err := g.RevokeOwner(t.Context(), "ada"); n != 1 || err != nil {
				t.Errorf("RevokeOwner = %d, %v", n, err)
			}
		},
		"idle timeout": func(_ *testing.T, g *rig, _ *browser, _ session.ID) { g.clock.Advance(2 * time.Hour) },
		"idle timeout, and pruned": func(t *testing.T, g *rig, _ *browser, _ session.ID) {
			g.clock.Advance(2*time.Hour + session.PruneSlack + 1)
			if n, err := g.Prune(t.Context()); n != 1 || err != nil {
				t.Errorf("Prune = %d, %v", n, err)
			}
		},
	}
	for name, end := range ends {
		for _, writes := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", reading", true: ", writing"}[writes], func(t *testing.T) {
				g := newRig(t, func(c *session.Config) { c.TouchEvery = -1 })
				b := newBrowser()
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					s.Login("ada")
					s.Set("data", "mine")
					s.Flash("flash", "f")
				})
				token := g.token(b)
				g.clock.Advance(time.Second)
				var before []session.Record
				g.kinds()
				rep := g.visit(g.with(token), func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					end(t, g, b, s.ID())
					before = g.spy.all()
					g.kinds()
					equal(t, "read", session.Get(s, "data", ""), "mine")
					equal(t, "flash", session.Get(s, "flash", ""), "f")
					if writes {
						s.Set("data", "late")
						session.Update(s, "n", func(n int) int { return n + 1 })
					}
					io.WriteString(w, "page")
				})
				rep.expect(t, map[bool]int{false: http.StatusOK, true: http.StatusConflict}[writes], 0)
				dropped := g.kinds()
				if strings.Contains(dropped, "failed") || writes && dropped != "dropped" {
					t.Errorf("events = %q", dropped)
				}
				after := g.spy.all()
				if len(after) != len(before) {
					t.Fatalf("%d records, then %d", len(before), len(after))
				}
				for i, r := range after {
					if r.Version != before[i].Version || !r.ExpiresAt.Equal(before[i].ExpiresAt) && name != "login" && name != "two logins" && name != "rotation" {
						t.Errorf("record = %+v, before the late commit %+v", r, before[i])
					}
				}
				if got := g.data(t, token); len(got) != 0 {
					t.Errorf("the old token sees %v", got)
				}
				if s := g.data(t, g.token(b)); s["data"] == "late" {
					t.Errorf("a late write is in the new session: %v", s)
				}
			})
		}
	}
}

// TestSlowRotation: a late Regenerate or Invalidate of a session that has ended
// is refused like any other write. It does not affect the session of the login.
func TestSlowRotation(t *testing.T) {
	late := map[string]func(s *session.Session){
		"Regenerate":                rotations["Regenerate"],
		"Invalidate":                func(s *session.Session) { s.Invalidate() },
		"Invalidate and start anew": func(s *session.Session) { s.Invalidate(); s.Set("a", 1) },
	}
	for name, rotate := range late {
		g := newRig(t)
		b := g.signedUp(t, "mine")
		g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") })
			rotate(s)
		}).expect(t, http.StatusConflict, 0)
		s, err := g.Load(t.Context(), session.Token(g.token(b)))
		if err != nil || s.Owner() != "bob" {
			t.Errorf("%s: owner %q, %v; want bob", name, s.Owner(), err)
		}
	}
}

// TestExpiry: a session expires at one instant by the clock of the manager, even if the
// store still has it.
func TestExpiry(t *testing.T) {
	configs := map[string]func(c *session.Config){
		"idle":     func(c *session.Config) { c.IdleTimeout = time.Hour },
		"absolute": func(c *session.Config) { c.IdleTimeout, c.AbsoluteTimeout = -1, time.Hour },
		"both": func(c *session.Config) {
			c.IdleTimeout, c.AbsoluteTimeout = time.Hour, time.Hour
		},
	}
	for name, configure := range configs {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, configure)
			b := g.signedUp(t, "x")
			rec := g.spy.all()[0]
			equal(t, "ExpiresAt", rec.ExpiresAt, g.clock.Now().Add(time.Hour))
			g.clock.Advance(time.Hour - 1)
			equal(t, "values one nanosecond before the end", len(g.data(t, g.token(b))), 1)
			if _, err := g.Info(t.Context(), rec.ID); err != nil {
				t.Errorf("Show: %v", err)
			}
			g.kinds()
			g.clock.Advance(1)
			equal(t, "values at the end", len(g.data(t, g.token(b))), 0)
			equal(t, "events", g.kinds(), "expired")
			if _, err := g.Info(t.Context(), rec.ID); err == nil {
				t.Error("Show of an expired session: no error")
			}
			for i, err := range g.ListAll(t.Context()) {
				t.Errorf("listed: %v, %v", i, err)
			}
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				if s.ID() == rec.ID {
					t.Error("the expired ID is taken up again")
				}
				s.Set("a", 1)
			}).expect(t, http.StatusOK, 1)
			equal(t, "old record", g.spy.all()[0].Version, 1)
		})
	}
}

// TestIdleSlides: use extends a session up to the absolute limit, rotated or not; only
// a login restarts that limit.
func TestIdleSlides(t *testing.T) {
	uses := map[string]struct {
		use      handler
		lifetime time.Duration
	}{
		"reading": {read, 24 * time.Hour},
		"writing": {func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if !s.IsNew() {
				session.Update(s, "n", func(n int) int { return n + 1 })
			}
		}, 24 * time.Hour},
		"rotating": {func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() }, 24 * time.Hour},
		"one login": {func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if s.Owner() == "" {
				s.Login("ada")
			}
		}, 25 * time.Hour},
	}
	for name, c := range uses {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			start := g.clock.Now()
			for len(g.data(t, g.token(b))) > 0 && g.clock.Now().Sub(start) < 100*time.Hour {
				g.clock.Advance(time.Hour)
				g.visit(b, c.use)
			}
			equal(t, "lifetime", g.clock.Now().Sub(start), c.lifetime)
		})
	}
}

// TestOwnTimeouts: the timeouts of a session are stored in it, and stay after rotation
// and login.
func TestOwnTimeouts(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.SetTimeouts(time.Minute, time.Hour)
		equal(t, "ExpiresAt", s.ExpiresAt(), g.clock.Now().Add(time.Minute))
	}).expect(t, http.StatusOK, 1)
	for name, rotate := range rotations {
		g.clock.Advance(59 * time.Second)
		rep := g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { rotate(s) })
		rep.expect(t, http.StatusOK, 1)
		equal(t, name+": ExpiresAt", g.spy.all()[0].ExpiresAt, g.clock.Now().Add(time.Minute))
		if c := rep.result.Cookies()[0]; c.MaxAge > 3600 || c.MaxAge < 3400 {
			t.Errorf("%s: Max-Age = %d, want the session's own hour at most", name, c.MaxAge)
		}
	}
	g.clock.Advance(time.Minute)
	equal(t, "values after an idle minute", len(g.data(t, g.token(b))), 0)

	g = newRig(t)
	b = g.signedUp(t, "x")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.SetTimeouts(30*24*time.Hour, 400*24*time.Hour)
	})
	g.clock.Advance(30*24*time.Hour - 1)
	equal(t, "values after a month, remembered", len(g.data(t, g.token(b))), 1)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.SetTimeouts(400*24*time.Hour+1, 0)
		if s.Err() == nil {
			t.Error("timeout above 400 days: no error")
		}
	}).expect(t, http.StatusInternalServerError, 0)
}

// TestOwnShortTimeoutSlides: a session in use stays alive even if its own idle timeout
// is shorter than the manager's interval between touches.
func TestOwnShortTimeoutSlides(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.SetTimeouts(time.Minute, 0) })
	for i := range 100 {
		g.clock.Advance(30 * time.Second)
		if g.visit(b, read); len(g.data(t, g.token(b))) == 0 {
			t.Fatalf("expired in use after %d requests", i)
		}
	}
}

// TestClockStepsBack: a clock that jumps an hour back or forward does no harm.
func TestClockStepsBack(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	b := g.signedUp(t, "x")
	rec := g.spy.all()[0]
	g.clock.Advance(-time.Hour)
	for _, h := range []handler{read, write, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") }, read} {
		g.visit(b, h)
	}
	got := g.spy.all()[0]
	if got.LastActivity.Before(rec.LastActivity) || got.ExpiresAt.Before(rec.ExpiresAt) || !got.CreatedAt.Equal(rec.CreatedAt) {
		t.Errorf("record = %+v, before %+v", got, rec)
	}
	g.clock.Advance(time.Hour)
	s, err := g.Load(t.Context(), session.Token(g.token(b)))
	if err != nil || s.Owner() != "ada" || session.Get(s, "data", "") != "late" {
		t.Errorf("owner %q, data %v, %v", s.Owner(), s.All(), err)
	}
}

// TestPeriodicRotation: the previous token works during the grace period and gets no
// cookie.
func TestPeriodicRotation(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery, c.Grace = 10*time.Minute, time.Minute })
	b := g.signedUp(t, "x")
	old := g.token(b)
	g.clock.Advance(10*time.Minute - 1)
	g.visit(b, read).expect(t, http.StatusOK, 0)
	g.clock.Advance(1)
	g.kinds()
	g.visit(b, read).expect(t, http.StatusOK, 1)
	equal(t, "events", g.kinds(), "rotated")
	if g.token(b) == old {
		t.Fatal("the token is the same")
	}
	for i, f := range []handler{read, write, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.SetPersistent(true)
		s.SetTimeouts(0, 12*time.Hour)
	}} {
		g.visit(g.with(old), f).expect(t, http.StatusOK, 0)
		equal(t, "values for the previous token", len(g.data(t, old)), 1+0*i)
	}
	equal(t, "written with the previous token", g.data(t, g.token(b))["data"], any("late"))
	g.clock.Advance(time.Minute - 1)
	equal(t, "values at the end of the grace", len(g.data(t, old)), 1)
	g.clock.Advance(1)
	equal(t, "values after the grace", len(g.data(t, old)), 0)
	equal(t, "values for the new token", len(g.data(t, g.token(b))), 1)

	// A login with the previous token rotates like any other.
	g.clock.Advance(10 * time.Minute)
	previous := g.token(b)
	g.visit(b, read).expect(t, http.StatusOK, 1)
	newest, late := g.token(b), g.with(previous)
	g.visit(late, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") }).expect(t, http.StatusOK, 1)
	for _, dead := range []string{previous, newest} {
		equal(t, "values for a dead token", len(g.data(t, dead)), 0)
	}
	equal(t, "values after the login", len(g.data(t, g.token(late))), 1)
}

// TestPeriodicRotationHasOneWinner: of two concurrent requests, one rotates. The other
// one succeeds too, and sets no cookie that would replace the new one.
func TestPeriodicRotationHasOneWinner(t *testing.T) {
	slow := map[string]struct {
		f    func(s *session.Session)
		data string
	}{
		"reading":       {func(*session.Session) {}, "x"},
		"writing":       {func(s *session.Session) { s.Set("data", "slow") }, "slow"},
		"SetPersistent": {func(s *session.Session) { s.SetPersistent(true) }, "x"},
		"SetTimeouts":   {func(s *session.Session) { s.SetTimeouts(time.Hour, 12*time.Hour) }, "x"},
	}
	for name, c := range slow {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
			b := g.signedUp(t, "x")
			g.clock.Advance(10 * time.Minute)
			rep := g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("fast", 1) }).expect(t, http.StatusOK, 1)
				c.f(s)
			})
			rep.expect(t, http.StatusOK, 0)
			equal(t, "data", g.data(t, g.token(b))["data"], any(c.data))
			g.clock.Advance(31 * time.Second)
			equal(t, "values for the winner's token after the grace", len(g.data(t, g.token(b))), 2)
			equal(t, "rotations", strings.Count(g.kinds(), "rotated"), 1)
		})
	}
}

// TestNoGrace: with a negative grace, no replaced token is recognised.
func TestNoGrace(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.Grace = -1 })
	b := g.signedUp(t, "x")
	old := g.token(b)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
	g.kinds()
	equal(t, "values", len(g.data(t, old)), 0)
	equal(t, "events", g.kinds(), "unknown-token")
}

// TestTouch: touches are throttled, cost one store call, and never set a cookie.
func TestTouch(t *testing.T) {
	every := func(d time.Duration) func(*session.Config) {
		return func(c *session.Config) { c.TouchEvery = d }
	}
	tests := []struct {
		name   string
		config func(*session.Config)
		steps  []time.Duration // between requests
		calls  string
	}{
		{"a twentieth of two hours", every(0), []time.Duration{0, time.Minute, 5*time.Minute - 1, 1, 6*time.Minute - 1, 1}, "load load load load touch load load touch"},
		{"hourly", every(time.Hour), []time.Duration{time.Hour - 1, 1, 1}, "load load touch load"},
		{"every request", every(-1), []time.Duration{1, 1, 1}, "load touch load touch load touch"},
		{"every request, at one instant", every(-1), []time.Duration{0, 0}, "load load"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t, c.config)
			b := g.signedUp(t, "x")
			for _, d := range c.steps {
				g.clock.Advance(d)
				g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					session.Get(s, "data", "")
					io.WriteString(w, "page")
					if d > 0 {
						g.clock.Advance(1) // time passes while the page is sent
						defer g.clock.Advance(-1)
					}
				}).expect(t, http.StatusOK, 0)
			}
			equal(t, "store calls", g.spy.taken(), c.calls)
			equal(t, "version", g.spy.all()[0].Version, 1)
		})
	}
}

// TestTouchFailureFailsNoResponse: a failed touch, or other failed bookkeeping, does
// not fail the response.
func TestTouchFailureFailsNoResponse(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Flash("f", "hello") })
	for _, op := range []string{"update", "touch"} { // the update uses up the message, the touch extends the session
		g.clock.Advance(time.Hour)
		g.kinds()
		g.spy.hook(func(o string, _ session.ID) error {
			if o == op {
				return io.ErrUnexpectedEOF
			}
			return nil
		}, nil)
		g.visit(b, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			io.WriteString(w, session.Get(s, "f", ""))
		}).expect(t, http.StatusOK, 0)
		if got := g.kinds(); !strings.HasPrefix(got, "failed") {
			t.Errorf("%s failed: events = %q, want failed", op, got)
		}
		g.spy.hook(nil, nil)
		g.visit(b, read)
	}
}

// TestRotationAfterALoginWithinTheGrace: a client that logs in with a token that a
// periodic rotation has just replaced gets the current token, and takes part in the
// next periodic rotation.
func TestRotationAfterALoginWithinTheGrace(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{
		RotateEvery: 10 * time.Minute, Grace: time.Minute, PruneEvery: -1,
		Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	old := stored(t, m, func(s *session.Session) { s.Set("a", 1) })
	now = now.Add(11 * time.Minute)
	first := load(t, m, old)
	first.Set("a", 2)
	if c, err := m.Commit(t.Context(), first); err != nil || c == nil {
		t.Fatalf("no periodic rotation: %v, %v", c, err)
	}
	s := load(t, m, old)
	if s.WillRotate() {
		t.Error("WillRotate is true for a token within its grace")
	}
	s.Login("ada")
	if !s.WillRotate() {
		t.Error("WillRotate is false after Login")
	}
	if c, err := m.Commit(t.Context(), s); err != nil || c == nil {
		t.Fatalf("Login: %v, %v", c, err)
	}
	now = now.Add(11 * time.Minute)
	if !s.WillRotate() {
		t.Error("WillRotate is false when a periodic rotation is due")
	}
	s.Set("a", 3)
	c, err := m.Commit(t.Context(), s)
	if err != nil || c == nil {
		t.Fatalf("no periodic rotation after the login: %v, %v", c, err)
	}
	if s.WillRotate() {
		t.Error("WillRotate is true after the commit")
	}
	if owner := load(t, m, session.Token(c.Value)).Owner(); owner != "ada" {
		t.Errorf("owner %q, want ada", owner)
	}
}

func TestTimeouts(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	token := stored(t, m, func(s *session.Session) {
		if idle, absolute := s.Timeouts(); idle != 0 || absolute != 0 {
			t.Errorf("Timeouts of a new session = %v, %v", idle, absolute)
		}
		s.Set("a", 1)
		s.SetTimeouts(time.Hour, -1)
	})
	if idle, absolute := load(t, m, token).Timeouts(); idle != time.Hour || absolute != -1 {
		t.Errorf("Timeouts = %v, %v; want 1h, -1ns", idle, absolute)
	}
}
