package batch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// distant returns a server whose shortest time has room for a number of statements, and
// the number of connections that its pool has free.
func distant(statements int) (s *Server, free *atomic.Int32) {
	free = new(atomic.Int32)
	free.Store(100)
	s = &Server{Free: func() bool { return free.Load() > 0 }}
	s.took(time.Now(), time.Duration(statements)*busy)
	return s, free
}

func TestDistantServerMakesNobodyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		q.Server, _ = distant(26)
		began := time.Now()
		for call, o := range start(t.Context(), q, "abcdefghijklmnopqrstuvwxyz")() {
			if o != (outcome{"single " + call, nil}) {
				t.Errorf("%s: got %v", call, o)
			}
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v, want 1s for all", took)
		}
		idle(t, q)
	})
}

// As many calls run at once as the server has room for, and the others share the next
// statements. A server nearby has room for the slots of the queue only.
func TestCallsShareOnceTheRoomIsTaken(t *testing.T) {
	for _, c := range []struct{ slots, room, want int }{{1, 0, 1}, {2, 1, 2}, {1, 3, 3}, {2, 7, 7}, {2, 100, 8}} {
		synctest.Test(t, func(t *testing.T) {
			q := (&server{}).queue()
			q.Slots = c.slots
			q.Server, _ = distant(c.room)
			rest := start(t.Context(), q, "abcdefgh")
			q.mu.Lock()
			running, waiting := len(q.slots), len(q.queue)
			q.mu.Unlock()
			if running != c.want || waiting != 8-c.want {
				t.Errorf("%d slots, room for %d: %d run and %d wait, want that %d run", c.slots, c.room, running, waiting, c.want)
			}
			rest()
			idle(t, q)
		})
	}
}

// Without a free connection, calls share statements however far away the server is. The
// first call that finds one takes those along that wait.
func TestCallsShareOnceThePoolIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		var free *atomic.Int32
		q.Server, free = distant(100)
		free.Store(0)
		first := start(t.Context(), q, "abc")
		time.Sleep(time.Second / 2)
		free.Store(1)
		began := time.Now()
		got := start(t.Context(), q, "d")()
		if took := time.Since(began); took != time.Second || got["d"] != (outcome{"batch d", nil}) {
			t.Errorf("got %v after %v, want a batch after 1s", got["d"], took)
		}
		first()
		s.want(t, "a", "dbc")
		idle(t, q)
	})
}

// The shortest time of five to ten seconds counts.
func TestServerForgetsItsShortestTime(t *testing.T) {
	var s Server
	now := time.Now()
	for _, c := range []struct {
		after      time.Duration
		took, want time.Duration
	}{
		{0, 7 * time.Millisecond, 7 * time.Millisecond}, // which opened the connection
		{0, 4 * time.Millisecond, 4 * time.Millisecond},
		{window - 1, 9 * time.Millisecond, 4 * time.Millisecond}, // the server is busy
		{1, 8 * time.Millisecond, 4 * time.Millisecond},
		{window - 1, 6 * time.Millisecond, 4 * time.Millisecond},
		{1, 9 * time.Millisecond, 6 * time.Millisecond}, // another server has taken over
		{0, 5 * time.Millisecond, 5 * time.Millisecond},
		{time.Hour, 9 * time.Millisecond, 5 * time.Millisecond},
		{window, 8 * time.Millisecond, 8 * time.Millisecond},
	} {
		now = now.Add(c.after)
		s.took(now, c.took)
		if got := time.Duration(s.shortest.Load()); got != c.want {
			t.Errorf("%v after %v: got %v, want %v", c.took, c.after, got, c.want)
		}
	}
}

// A call that fails says nothing about the distance: it may not have reached the server.
func TestFailuresDoNotBringTheServerCloser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Server
		call := Timed(&s, func(_ context.Context, took time.Duration) (string, error) {
			time.Sleep(took)
			if took == 0 {
				return "", errOne
			}
			return "answer", nil
		})
		if got, err := call(t.Context(), time.Second); got != "answer" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := call(t.Context(), 0); !errors.Is(err, errOne) {
			t.Errorf("got %v, want its error", err)
		}
		if got := time.Duration(s.shortest.Load()); got != time.Second {
			t.Errorf("got a shortest time of %v, want 1s", got)
		}
	})
}
