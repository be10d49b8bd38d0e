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

// Retry calls f again while its error is transient, with growing random pauses, until
// the context ends or the dialect's number of tries is reached. This is also how a
// store waits for SQLite's lock, in addition to the connection's own busy timeout, which
// need not be set: this way, the wait ends with the context.
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
