package session_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// TestPopOnceAfterALostAnswer: one batch with two PopOnce is stored, but the result and
// the following loads are lost, so both requests retry. At most one may succeed.
func TestPopOnceAfterALostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		tok := stored(t, g.Manager, func(s *session.Session) { s.Set("code", "1234") })
		a, b, c := load(t, g.Manager, tok), load(t, g.Manager, tok), load(t, g.Manager, tok)
		a.Set("a", 1)
		equal(t, "b", session.PopOnce(b, "code", ""), "1234")
		equal(t, "c", session.PopOnce(c, "code", ""), "1234")
		updates, down := 0, false
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "update" {
				time.Sleep(time.Second)
			}
			if op == "load" && down {
				return errors.New("down")
			}
			return nil
		}, func(op string, _ session.ID, err error) error {
			if op == "update" {
				if updates++; updates == 2 {
					down = true
					return errors.New("lost")
				}
			}
			return err
		})
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i, s := range []*session.Session{a, b, c} {
			wg.Go(func() { _, errs[i] = g.Commit(t.Context(), s) })
			synctest.Wait()
		}
		wg.Wait()
		t.Log(errs)
		g.spy.hook(nil, nil)
		_, eb := g.Commit(t.Context(), b)
		_, ec := g.Commit(t.Context(), c)
		t.Log("retry:", eb, ec)
		if eb == nil && ec == nil {
			t.Error("both got the code")
		}
	})
}

// TestLoginAfterAPanicRotates: after an Update function panics during the commit and
// the handler recovers, the next Commit must set a new token.
func TestLoginAfterAPanicRotates(t *testing.T) {
	g := newRig(t)
	tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
	s := load(t, g.Manager, tok)
	o := load(t, g.Manager, tok)
	o.Set("y", 1)
	runs := 0
	s.Login("ada")
	session.Update(s, "n", func(n int) int {
		if runs++; runs == 2 {
			panic("once")
		}
		return n + 1
	})
	if _, err := g.Commit(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { t.Log("recovered", recover()) }()
		g.Commit(t.Context(), s)
	}()
	c, err := g.Commit(t.Context(), s)
	t.Log(c, err)
	if x := load(t, g.Manager, tok); err == nil && x.Owner() == "ada" {
		t.Error("the old token is logged in")
	}
}

// TestLogoutDespiteAPanic: Invalidate, then Update whose function panics when it runs again,
// because another goroutine of the request has written during the logout.
func TestLogoutDespiteAPanic(t *testing.T) {
	g := newRig(t)
	tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
	runs := 0
	func() {
		defer func() { t.Log("recovered", recover()) }()
		g.visit(g.with(string(tok)), func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			s.Invalidate()
			g.spy.hook(func(op string, _ session.ID) error {
				if op == "update" {
					s.Set("meanwhile", 1)
				}
				return nil
			}, nil)
			session.Update(s, "n", func(n int) int {
				if runs++; runs == 2 {
					panic("again")
				}
				return n + 1
			})
		})
	}()
	equal(t, "runs", runs, 2)
	if x := load(t, g.Manager, tok); !x.IsNew() {
		t.Error("still logged in after Invalidate")
	}
}

// TestWillRotate: WillRotate reports a new token, not a cookie that only gets another
// lifetime.
func TestWillRotate(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = time.Hour })
	g.visit(newBrowser(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.FlashNow("f", 1)
		equal(t, "FlashNow only", s.WillRotate(), false)
	}).expect(t, 200, 0)
	tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
	g.visit(g.with(string(tok)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.SetTimeouts(time.Minute, 2*time.Hour)
		equal(t, "SetTimeouts", s.WillRotate(), false)
	})
	tok = stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
	g.clock.Advance(time.Hour - time.Second)
	g.visit(g.with(string(tok)), func(http.ResponseWriter, *http.Request, *session.Session) {}) // touch
	g.visit(g.with(string(tok)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		g.clock.Advance(2 * time.Second)
		equal(t, "due after the load, and nothing to store", s.WillRotate(), false)
	}).expect(t, 200, 0)
	g.visit(g.with(string(tok)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "due", s.WillRotate(), true)
	}).expect(t, 200, 1)
}

// TestExpiresAtAfterRegenerate: a rotation extends the session.
func TestExpiresAtAfterRegenerate(t *testing.T) {
	g := newRig(t)
	tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
	g.clock.Advance(time.Minute)
	s := load(t, g.Manager, tok)
	s.Regenerate()
	before := s.ExpiresAt()
	if _, err := g.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	equal(t, "ExpiresAt", before, s.ExpiresAt())
}

// TestUpdateOfAnAbandonedFollower: a leader abandons a follower whose function outlives
// the leader's deadline. The batch is stored but the result is lost. The retry of the
// follower must store its change.
func TestUpdateOfAnAbandonedFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(c *session.Config) { c.StoreTimeout = 10 * time.Second })
		tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1) })
		a, b, c := load(t, g.Manager, tok), load(t, g.Manager, tok), load(t, g.Manager, tok)
		a.Set("a", 1)
		b.Set("b", 1)
		runs := 0
		session.Update(c, "n", func(n int) int {
			if runs++; runs == 2 {
				time.Sleep(20 * time.Second)
			}
			return n + 1
		})
		updates := 0
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "update" {
				time.Sleep(time.Second)
			}
			return nil
		}, func(op string, _ session.ID, err error) error {
			if op == "update" {
				if updates++; updates == 2 {
					return errors.New("lost")
				}
			}
			return err
		})
		errs := make([]error, 3)
		var wg sync.WaitGroup
		for i, s := range []*session.Session{a, b, c} {
			wg.Go(func() { _, errs[i] = g.Commit(t.Context(), s) })
			synctest.Wait()
		}
		wg.Wait()
		t.Log(errs)
		g.spy.hook(nil, nil)
		_, ec := g.Commit(t.Context(), c)
		t.Log("retry:", ec, g.data(t, string(tok)))
		if ec == nil && g.data(t, string(tok))["n"] != any(int64(1)) {
			t.Error("the retry reports success, the update is lost")
		}
	})
}

// TestSessionConcurrently calls all methods from other goroutines during commits.
func TestSessionConcurrently(t *testing.T) {
	g := newRig(t)
	for range 300 {
		tok := stored(t, g.Manager, func(s *session.Session) { s.Set("x", 1); s.Flash("f", 1) })
		s := load(t, g.Manager, tok)
		other := load(t, g.Manager, tok)
		var wg sync.WaitGroup
		for _, f := range []func(){
			func() { s.Set("a", 1); s.FlashNow("z", 1) },
			func() { session.Update(s, "n", func(n int) int { return n + len(s.All()) }) },
			func() { s.Rollback() },
			func() { s.Append("l", 1); s.Keep("f"); s.Reflash() },
			func() { session.Update(other, "n", func(n int) int { return n + 1 }); g.Commit(t.Context(), other) },
			func() { g.Commit(t.Context(), s) },
			func() { g.Commit(t.Context(), s) },
			func() { s.Invalidate(); s.Set("after", 1) },
			func() { s.Regenerate(); s.Login("ada") },
			func() { s.WillRotate(); s.ExpiresAt(); s.ID(); s.IsNew(); s.Timeouts() },
		} {
			wg.Go(f)
		}
		wg.Wait()
	}
}
