package sqltable

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
)

// Retry calls f until its error is not transient, the context ends, or the dialect's
// number of tries is reached. It pauses for random, growing times. This is also how a
// store waits for SQLite's lock, so that the wait ends with the context; the connection
// needs no busy timeout.
func (d *Dialect) Retry(ctx context.Context, f func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := f()
		if err == nil || try >= d.Tries || !d.Transient(err) {
			return err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause = min(2*pause, longestPause)
	}
}
