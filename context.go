package session

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// A deadlineContext is a context with a deadline. It reads the clock at the first call of
// Deadline, and starts a timer at the first call of Done. A store that never blocks calls
// neither, so its requests pay for neither.
type deadlineContext struct {
	context.Context
	limit    time.Duration // negative: none
	detached bool          // has the values of the context above, but does not end with it

	mu       sync.Mutex
	deadline time.Time       // zero until it was asked for
	real     context.Context // nil until Done was called
	cancel   context.CancelFunc
}

// init sets the time that a store may take from its first look at the context on;
// a negative limit sets none.
func (c *deadlineContext) init(parent context.Context, limit time.Duration) {
	c.Context, c.limit = parent, limit
}

// end returns the deadline. The caller holds the lock.
func (c *deadlineContext) end() time.Time {
	if c.deadline.IsZero() {
		c.deadline = time.Now().Add(c.limit)
	}
	return c.deadline
}

// release frees the timer. The context ends with it.
func (c *deadlineContext) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// above is the context that this one ends with.
func (c *deadlineContext) above() context.Context {
	if c.detached {
		return context.WithoutCancel(c.Context)
	}
	return c.Context
}

func (c *deadlineContext) Deadline() (time.Time, bool) {
	d, ok := c.above().Deadline()
	if c.limit < 0 {
		return d, ok
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if end := c.end(); !ok || end.Before(d) {
		return end, true
	}
	return d, ok
}

func (c *deadlineContext) Done() <-chan struct{} {
	if c.limit < 0 {
		return c.above().Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.cancel = context.WithDeadline(c.above(), c.end())
	}
	return c.real.Done()
}

func (c *deadlineContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real != nil {
		return c.real.Err()
	}
	if err := c.above().Err(); err != nil {
		return err
	}
	if c.limit >= 0 && !time.Now().Before(c.end()) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value goes through the real context once there is one, so that contexts
// derived from this one find it and need no goroutine to watch it. A session is not
// found: it is locked while this context is in use, and a store, a log handler or an
// OnEvent that looked at it would wait forever.
func (c *deadlineContext) Value(key any) any {
	switch key.(type) {
	case anyKey, ownKey:
		return nil
	}
	c.mu.Lock()
	real := c.real
	c.mu.Unlock()
	if real != nil {
		return real.Value(key)
	}
	return c.above().Value(key)
}

type (
	anyKey struct{}             // the innermost session of a context
	ownKey struct{ m *Manager } // a manager's own
)

// opaque keeps a token out of a log to which somebody prints a context.
type opaque struct{}

func (opaque) Format(f fmt.State, _ rune) { io.WriteString(f, "context of a session") }

type sessionContext struct {
	context.Context
	opaque
	s *Session
}

func (c *sessionContext) Value(key any) any {
	switch k := key.(type) {
	case anyKey:
		if c.s == nil {
			return nil
		}
		return c.s
	case ownKey:
		if c.s != nil && k.m == c.s.m {
			return c.s
		}
	}
	return c.Context.Value(key)
}

// NewContext returns a context in which From finds the session, for transports
// other than the middleware.
func NewContext(ctx context.Context, s *Session) context.Context {
	return &sessionContext{Context: ctx, s: s}
}
