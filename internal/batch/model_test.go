package batch

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A model is a server with two processors, a round trip away, behind a pool of 16
// connections. Its time is that of the fake clock.
type model struct {
	trip      time.Duration
	pool, cpu chan struct{}
}

func (m *model) statement(work, disk time.Duration) {
	m.pool <- struct{}{}
	defer func() { <-m.pool }()
	time.Sleep(m.trip / 2)
	m.cpu <- struct{}{}
	time.Sleep(work)
	<-m.cpu
	time.Sleep(disk + m.trip/2)
}

// queue returns a queue whose statements take the given work, more for each call, and
// then wait for the disk.
func (m *model) queue(slots int, s *Server, work, each, disk time.Duration) *Queue[int, int] {
	one := func(_ context.Context, call int) (int, error) {
		m.statement(work+each, disk)
		return call, nil
	}
	if s != nil && disk == 0 {
		one = Timed(s, one)
	}
	return &Queue[int, int]{
		Slots: slots, Max: 64, Patience: 100 * time.Millisecond, Server: s, Single: one,
		Batch: func(_ context.Context, calls, _ []int, errs []error) {
			m.statement(work+time.Duration(len(calls))*each, disk)
			clear(errs)
		},
	}
}

// requests returns the median and the 99th percentile of requests that each read and then
// write, and arrive at a rate, not quite evenly. How many statements run at once is up to the
// server, fixed at two reads and a write, or not limited.
func (m *model) requests(t *testing.T, how string, rate int) (p50, p99 time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m.pool, m.cpu = make(chan struct{}, 16), make(chan struct{}, 2)
		var s *Server
		readSlots, writeSlots := 2, 1
		switch how {
		case "server":
			s = &Server{Free: func() bool { return len(m.pool) < cap(m.pool) }}
		case "all":
			readSlots, writeSlots = 1e6, 1e6
		}
		reads := m.queue(readSlots, s, 60*time.Microsecond, 8*time.Microsecond, 0)
		writes := m.queue(writeSlots, s, 120*time.Microsecond, 30*time.Microsecond, 300*time.Microsecond)
		if _, err := reads.Do(t.Context(), 0); err != nil { // which measures the distance
			t.Fatal(err)
		}
		took := make([]time.Duration, rate/2)
		var wg sync.WaitGroup
		for i := range took {
			wg.Go(func() {
				time.Sleep(time.Duration(i)*time.Second/time.Duration(rate) + time.Duration(i*i%997)*time.Microsecond)
				began := time.Now()
				_, errRead := reads.Do(t.Context(), i)
				_, errWrite := writes.Do(t.Context(), i)
				if errRead != nil || errWrite != nil {
					t.Errorf("got %v and %v", errRead, errWrite)
				}
				took[i] = time.Since(began)
			})
		}
		wg.Wait()
		slices.Sort(took)
		p50, p99 = took[len(took)/2], took[len(took)*99/100]
	})
	return p50, p99
}

// Below saturation, requests hardly take longer than if nobody waited for anybody. In it,
// they take no longer than if two reads and a write ran at once. A server nearby is not
// affected.
func TestDistantServerBelowAndInSaturation(t *testing.T) {
	for _, c := range []struct {
		trip      time.Duration
		below, in int // requests per second
	}{
		{500 * time.Microsecond, 2000, 16000},
		{time.Millisecond, 2500, 8000},
		{4 * time.Millisecond, 1500, 4000},
		{50 * time.Millisecond, 100, 1000},
	} {
		m := &model{trip: c.trip}
		ours50, ours99 := m.requests(t, "server", c.below)
		all50, all99 := m.requests(t, "all", c.below)
		if ours50 > all50*11/10 || ours99 > all99*11/10 {
			t.Errorf("%v, below saturation: got %v and %v, want at most 1.1 of %v and %v", c.trip, ours50, ours99, all50, all99)
		}
		ours50, ours99 = m.requests(t, "server", c.in)
		fixed50, fixed99 := m.requests(t, "fixed", c.in)
		if ours50 > fixed50 || ours99 > fixed99 {
			t.Errorf("%v, in saturation: got %v and %v, want at most %v and %v", c.trip, ours50, ours99, fixed50, fixed99)
		}
		t.Logf("%v: in saturation %v and %v, fixed %v and %v", c.trip, ours50, ours99, fixed50, fixed99)
	}
	m := &model{trip: 30 * time.Microsecond}
	ours50, ours99 := m.requests(t, "server", 16000)
	fixed50, fixed99 := m.requests(t, "fixed", 16000)
	if ours50 > fixed50*11/10 || ours99 > fixed99*11/10 {
		t.Errorf("nearby: got %v and %v, want about %v and %v", ours50, ours99, fixed50, fixed99)
	}
}
