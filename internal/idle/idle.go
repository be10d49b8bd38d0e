// Package idle looks at the idle connections of a pool after one of its connections has
// failed, because what ended that one may have ended the others.
package idle

import (
	"context"
	"sync"
	"time"
)

// A Checker runs checks one after the other, and as few as possible: callers that come
// while a check runs share the next one.
type Checker struct {
	// check looks at the connections that are idle. It closes those that do not answer,
	// or all of them.
	check func(ctx context.Context, all bool)

	ctx  context.Context //nolint:containedctx // ends with the checker
	stop context.CancelFunc

	mu      sync.Mutex
	next    *round // that has not begun; nil: none is wanted
	running bool
}

type round struct {
	all  bool
	done chan struct{}
}

const (
	// timeout is how long a connection may take to answer.
	timeout = time.Second

	// pause is the least time between two checks. While a server refuses to write, each
	// write that fails would close all idle connections again.
	pause = 100 * time.Millisecond
)

// New returns a checker, which calls check in a goroutine of its own.
func New(check func(ctx context.Context, all bool)) *Checker {
	c := &Checker{check: check}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

// Check returns a channel that is closed at the end of a check that began after the
// call. If all is true, the check closes every idle connection.
func (c *Checker) Check(all bool) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &round{done: make(chan struct{})}
	}
	c.next.all = c.next.all || all
	if !c.running {
		c.running = true
		go c.run()
	}
	return c.next.done
}

// run ends when no check is wanted any more.
func (c *Checker) run() {
	for {
		c.mu.Lock()
		r := c.next
		c.next, c.running = nil, r != nil
		c.mu.Unlock()
		if r == nil {
			return
		}
		c.once(r)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
		}
	}
}

func (c *Checker) once(r *round) {
	defer close(r.done)
	if c.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, timeout)
	defer cancel()
	c.check(ctx, r.all)
}

// Close ends the check that runs, and lets none begin. It does not wait.
func (c *Checker) Close() { c.stop() }
