package session

import (
	"context"
	"sync"
	"time"
)

// A deadlineContext is a context with a deadline whose timer starts only when
// somebody asks for Done. A store that never blocks never asks, and so a request
// on it pays for no timer.
type deadlineContext struct {
	context.Context
	deadline time.Time // zero: none of its own

	mu     sync.Mutex
	real   context.Context // nil until Done was called
	cancel context.CancelFunc
}

// init sets the deadline to d from now; a negative d sets none.
func (c *deadlineContext) init(parent context.Context, d time.Duration) {
	c.Context = parent
	if d >= 0 {
		c.deadline = time.Now().Add(d)
	}
}

// release frees the timer. The context ends with it.
func (c *deadlineContext) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *deadlineContext) Deadline() (time.Time, bool) {
	d, ok := c.Context.Deadline()
	if !c.deadline.IsZero() && (!ok || c.deadline.Before(d)) {
		return c.deadline, true
	}
	return d, ok
}

func (c *deadlineContext) Done() <-chan struct{} {
	if c.deadline.IsZero() {
		return c.Context.Done()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.cancel = context.WithDeadline(c.Context, c.deadline)
	}
	return c.real.Done()
}

func (c *deadlineContext) Err() error {
	c.mu.Lock()
	real := c.real
	c.mu.Unlock()
	if real != nil {
		return real.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Value goes through the real context once there is one, so that contexts
// derived from this one find it and need no goroutine to watch it. A session is not
// found: it is locked while this context is in use, and a store, a log handler or an
// OnEvent that looked at it would wait for ever.
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
	return c.Context.Value(key)
}
