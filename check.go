package session

import (
	"sync"
	"time"
)

const (
	// healthLimit is how long a check waits for the store.
	healthLimit = time.Second

	// healthFor is how long its result holds, so that a flood of requests to a public endpoint
	// causes no more than one load in this time.
	healthFor = time.Second
)

// A health is the last check of the store. A check has a goroutine of its own: it belongs to no
// request, and a store that hangs holds nobody else.
type health struct {
	mu   sync.Mutex
	last *healthCheck
}

type healthCheck struct {
	began time.Time
	done  chan struct{} // closed when the two fields below are set
	ended time.Time
	err   error
}

// check returns the check that is running, or the last one if its result still holds, or a new
// one.
func (h *health) check(ask func() error) *healthCheck {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last != nil {
		select {
		case <-h.last.done:
			if time.Since(h.last.ended) < healthFor {
				return h.last
			}
		default:
			return h.last
		}
	}
	c := &healthCheck{began: time.Now(), done: make(chan struct{})}
	h.last = c
	go func() {
		c.err = ask()
		c.ended = time.Now()
		close(c.done)
	}()
	return c
}
