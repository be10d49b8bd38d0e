package batch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Server tells queues how many statements it and the network to it can work on at once.
//
// A statement keeps the server and its driver busy for about as long as one that shares
// its way takes to arrive on the same machine. If the server is further away, several are
// under way at once without slowing each other down, and nothing is gained by waiting for
// each other. How far away a server is shows in the shortest time in which it answered
// lately. A server that is busy takes longer, but its shortest time hardly grows, so it
// does not get more statements than before.
type Server struct {
	// Free reports whether the pool has a free connection.
	Free func() bool

	shortest atomic.Int64 // of both windows, in nanoseconds; zero if unknown

	mu            sync.Mutex
	current, last time.Duration // the shortest in each window; zero if unknown
	until         time.Time     // when the current window ends
}

const (
	// window is how long the shortest time counts at least. It counts at most twice as
	// long, or until the next call.
	window = 5 * time.Second

	// busy is how long a statement keeps the server and the driver busy.
	busy = 100 * time.Microsecond
)

// room reports whether the server has room for one more statement beside those of a
// queue.
func (s *Server) room(running int) bool {
	return int64(running+1)*int64(busy) <= s.shortest.Load() && s.Free()
}

// Timed returns a function that calls f, which sends one statement, and tells the server
// how long that took.
func Timed[C, R any](s *Server, f func(context.Context, C) (R, error)) func(context.Context, C) (R, error) {
	return func(ctx context.Context, call C) (R, error) {
		began := time.Now()
		result, err := f(ctx, call)
		if err == nil { // the server may have sent no answer
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
