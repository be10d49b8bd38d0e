// Package backoff waits between tries.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pause waits before another try: about a millisecond before the first one, about 30
// at most. The duration is random, so that competing processes get out of step. Pause
// returns false if ctx ends first.
func Pause(ctx context.Context, try int) bool {
	d := time.Millisecond << min(try, 5)
	return Wait(ctx, Jitter(d, d/2))
}

// Wait waits for d. It returns false if ctx ends first.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Jitter returns a random duration between d-by and d+by.
func Jitter(d, by time.Duration) time.Duration {
	if by <= 0 {
		return d
	}
	return d - by + time.Duration(rand.Int64N(int64(2*by)))
}
