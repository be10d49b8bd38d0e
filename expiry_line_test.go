package session_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// TestExpiryIsJudgedBehindTheLine: a session expires after somebody has begun to hold
// its line, and before others get into it. Theirs comes too late, whatever the time was
// when the holder began.
func TestExpiryIsJudgedBehindTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var holder string
		var looked int
		expire, expired := func() {}, make(chan struct{})
		g := newRig(t, func(c *session.Config) {
			now := c.Now
			c.Now = func() time.Time {
				at := now()
				if goroutine() == holder {
					if looked++; looked == 2 { // to commit, and to hold
						expire()
					}
				}
				return at
			}
		})
		b := g.signedUp(t, "x")
		expire = func() {
			g.clock.advance(3 * time.Hour)
			close(expired)
			synctest.Wait() // the late one is in line
		}
		outcomes := g.crowd(b, add,
			func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				add(w, r, s)
				holder = goroutine()
			},
			func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				<-expired
				add(w, r, s)
			})
		equal(t, "outcomes", codes(outcomes), "200 409 409")
		equal(t, "updates", g.spy.count("update"), 1)
	})
}
