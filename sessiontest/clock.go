package sessiontest

import (
	"sync"
	"time"
)

// A Clock is a clock for tests. It stands still until [Clock.Advance] or [Clock.Set]
// moves it. Use its method Now as [session.Config].Now. A Clock is safe for concurrent
// use.
//
// A Clock does not affect contexts or timers; testing/synctest does.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that is set to t.
func NewClock(t time.Time) *Clock { return &Clock{now: t} }

// Now returns the time of the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, which may be negative, and returns the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set sets the clock to t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}
