package batch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Server tells its queues how many statements may run at once.
//
// On the same machine, a statement keeps the server or its driver busy for almost all of
// its time, so more statements at once are no faster, and sharing them is. Further away,
// most of the time is spent on the way, where statements don't slow each other down. So
// there is room for one statement for each [busy] of the time that one takes, while the
// pool has a free connection.
//
// The time that counts is the shortest lately. A server under load answers later, but is
// not further away. It is that of reads, because a write also waits for the disk, where
// writes that share a statement wait together.
type Server struct {
	// Free reports whether the pool has a free connection.
	Free func() bool

	shortest atomic.Int64 // of both windows, in nanoseconds; zero if unknown

	mu            sync.Mutex
	current, last time.Duration // the shortest in each window; zero if unknown
	until         time.Time     // when the current window ends
}

const (
	// window is how long the shortest time counts at least. The next window keeps it, too.
	window = 5 * time.Second

	// busy is how long a statement keeps the server and its driver busy, roughly. In
	// model_test.go, three times as long makes requests wait for each other half a
	// millisecond away, and shorter times change little.
	busy = 100 * time.Microsecond
)

// room reports whether one more statement may run at once with those of a queue.
func (s *Server) room(running int) bool {
	return int64(running+1)*int64(busy) <= s.shortest.Load() && s.Free()
}

// Timed returns a function that calls f, which sends one statement, and notes how long that
// takes.
func Timed[C, R any](s *Server, f func(context.Context, C) (R, error)) func(context.Context, C) (R, error) {
	return func(ctx context.Context, call C) (R, error) {
		began := time.Now()
		result, err := f(ctx, call)
		if err == nil { // a call that failed may not have reached the server
			s.took(time.Now(), time.Since(began))
		}
		return result, err
	}
}

func (s *Server) took(now time.Time, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.until) {
		s.last, s.current, s.until = s.current, d, now.Add(window)
	}
	s.current = min(s.current, d)
	shortest := s.current
	if s.last > 0 {
		shortest = min(shortest, s.last)
	}
	s.shortest.Store(int64(shortest))
}
