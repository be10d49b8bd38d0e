package sqlstore

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstPause   = time.Millisecond
	longestPause = 64 * time.Millisecond
)

// retry calls f again while its error is transient, with growing random pauses, until
// the context ends or the dialect's number of tries is reached. It is also what waits
// for SQLite's lock, on top of the connection's own busy timeout, which need not be
// set: this way the wait ends with the context.
func (s *Store) retry(ctx context.Context, f func() error) error {
	pause := firstPause
	for try := 1; ; try++ {
		err := f()
		if err == nil || try >= s.names.dialect.tries || !s.names.dialect.transient(err) {
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
