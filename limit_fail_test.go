package session_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// TestLimitFails: the login is stored, so its answer says so, whatever the store does
// afterwards. The log and an event tell, and the next login makes up for it.
func TestLimitFails(t *testing.T) {
	down := errors.New("connection refused")
	fail := func(at string) func(op string, _ session.ID) error {
		return func(op string, _ session.ID) error {
			if op == at {
				return down
			}
			return nil
		}
	}
	for _, op := range []string{"list", "load", "update", "delete"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newLimited(t, 1)
				old, _ := g.loggedIn(t)
				g.clock.advance(time.Second)
				g.kinds()
				g.spy.hook(fail(op), nil)
				fresh := newBrowser()
				g.visit(fresh, login).expect(t, http.StatusOK, 1)
				g.spy.hook(nil, nil)
				events, want := g.kinds(), "created failed"
				if op == "delete" {
					want = "created failed revoked" // it has ended, and a sweep will take the rest
				}
				equal(t, "events", events, want)
				if !strings.Contains(g.log(), down.Error()) {
					t.Errorf("log: %s", g.log())
				}
				equal(t, "alive", g.alive(old, fresh), map[bool]string{true: "01", false: "11"}[op == "delete"])
				g.clock.advance(time.Second)
				last, _ := g.loggedIn(t)
				equal(t, "alive after the next login", g.alive(old, fresh, last), "001")
			})
		})
	}
	t.Run("in the middle of the list", func(t *testing.T) {
		g := newLimited(t, 1)
		old, _ := g.loggedIn(t)
		g.clock.advance(time.Second)
		g.spy.hook(nil, func(op string, _ session.ID, err error) error {
			if op == "list" {
				return down
			}
			return err
		})
		fresh, _ := g.loggedIn(t)
		equal(t, "alive", g.alive(old, fresh), "11")
	})
	t.Run("lost answers", func(t *testing.T) {
		g := newLimited(t, 1)
		g.loggedIn(t)
		g.clock.advance(time.Second)
		g.kinds()
		g.spy.hook(nil, func(op string, _ session.ID, err error) error {
			if op == "update" || op == "delete" {
				return io.ErrUnexpectedEOF
			}
			return err
		})
		g.visit(newBrowser(), login).expect(t, http.StatusOK, 1)
		equal(t, "revoked", strings.Count(g.kinds(), "revoked"), 1)
		equal(t, "records that live", len(slices.DeleteFunc(g.spy.all(), func(r session.Record) bool { return r.Owner == "" })), 1)
	})
	t.Run("one of several", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newLimited(t, 2)
			stuck, id := g.loggedIn(t)
			g.clock.advance(time.Second)
			other, _ := g.loggedIn(t)
			g.clock.advance(time.Second)
			g.spy.hook(func(op string, which session.ID) error {
				if op == "load" && which == id {
					return down
				}
				return nil
			}, nil)
			fresh := newBrowser()
			g.visit(fresh, login).expect(t, http.StatusOK, 1)
			g.spy.hook(nil, nil)
			equal(t, "alive", g.alive(stuck, other, fresh), "101") // the limit holds all the same
		})
	})
}

// TestLimitIsBounded: the answer waits for a slow store no longer than StoreTimeout.
func TestLimitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newLimited(t, 1)
		old, _ := g.loggedIn(t)
		g.clock.advance(time.Second)
		slow := newRigOn(t, slowList{ownerSpy{g.spy}}, func(c *session.Config) { c.MaxPerOwner, c.Now = 1, g.clock.now })
		fresh := newBrowser()
		start := time.Now()
		slow.visit(fresh, login).expect(t, http.StatusOK, 1)
		equal(t, "time", time.Since(start), 5*time.Second)
		equal(t, "events", slow.kinds(), "created failed")
		equal(t, "alive", g.alive(old, fresh), "11")
	})
	synctest.Test(t, func(t *testing.T) {
		free := newLimited(t, 0)
		for range 4 {
			free.loggedIn(t)
			free.clock.advance(time.Second)
		}
		g := newLimited(t, 1, free.spy)
		g.clock.advance(time.Minute)
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "load" {
				time.Sleep(3 * time.Second) // of the bubble's clock; and it takes no notice of the deadline
			}
			return nil
		}, nil)
		start := time.Now()
		g.visit(newBrowser(), login).expect(t, http.StatusOK, 1)
		equal(t, "time", time.Since(start), 6*time.Second)
		equal(t, "sessions left", len(g.spy.all()), 3)
	})
}

// A slowList does not answer before its caller gives up.
type slowList struct{ ownerSpy }

func (s slowList) ListOwner(ctx context.Context, _ string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		<-ctx.Done()
		yield(session.Record{}, ctx.Err())
	}
}
