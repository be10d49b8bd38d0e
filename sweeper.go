package session

import (
	"context"
	"sync"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// A sweeper calls a function again and again on one goroutine, until it is stopped.
type sweeper struct {
	once sync.Once

	mu      sync.Mutex
	cancel  context.CancelFunc // nil before the start
	done    chan struct{}      // closed when the goroutine has ended
	stopped bool
}

// start starts the goroutine on the first call. The pauses vary by a quarter, so that
// replicas do not sweep in step.
func (w *sweeper) start(every time.Duration, sweep func(context.Context)) {
	w.once.Do(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.stopped {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		w.cancel, w.done = cancel, done
		go func() {
			defer close(done)
			for backoff.Wait(ctx, backoff.Jitter(every, every/4)) {
				sweep(ctx)
			}
		}()
	})
}

// stop ends the goroutine and waits for it until ctx ends.
func (w *sweeper) stop(ctx context.Context) error {
	w.mu.Lock()
	w.stopped = true
	cancel, done := w.cancel, w.done
	w.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
