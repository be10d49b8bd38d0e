package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/expanse-go/session"
)

// String tells what a load did: requests by status, events, latencies, memory.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	statuses := map[string]int{}
	for status, n := range l.statuses {
		statuses[strconv.Itoa(status)] = n
	}
	took := slices.Sorted(slices.Values(l.took))
	quantile := func(q float64) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return fmt.Sprintf("%d requests on %d sessions (%s), conflicts %d, replayed %d, dropped %d, failed calls %d, p50 %v, p99 %v, max %v, heap %d MB",
		l.requests, l.sessions, count(statuses), l.conflicts.Load(), l.events[session.EventReplayed], l.events[session.EventDropped], l.events[session.EventFailed],
		quantile(0.5), quantile(0.99), l.longest.Round(10*time.Microsecond), memory.HeapAlloc>>20)
}

// soak is a mixed load with faults that come and go, for as long as d.
func (t *trial) soak(ctx context.Context, d time.Duration) (err error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	fail := func(err error) error { return fmt.Errorf("soak, %s, -seed %d: %w", t.kind, t.seed, err) }
	rnd := rand.New(rand.NewPCG(t.seed, 2))
	l, witness, change, done, err := t.soaked(ctx, p, rnd)
	if err != nil {
		return fail(err)
	}
	defer func() { err = errors.Join(err, done()) }()

	end, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(end, t.seed, 8)
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n, running := 1, true; running; n++ {
		select {
		case <-ended:
			running = false
		case <-tick.C:
			change(n%3 == 0 && end.Err() == nil)
			if err := l.settle(ctx, witness, false); err != nil {
				cancel()
				<-ended
				return fail(err)
			}
			if n%10 == 0 {
				fmt.Fprintf(t.out, "soak    %-8s %4ds: %s\n", t.kind, n, l)
			}
		}
	}
	change(false)
	if _, err := l.recovers(ctx); err != nil {
		return fail(err)
	}
	told := l.String()
	if err := l.settle(ctx, witness, true); err != nil {
		return fail(err)
	}
	fmt.Fprintf(t.out, "soak    %-8s seed %d: %v: %s: no law broke\n", t.kind, t.seed, d, told)
	return nil
}

// soaked opens a place for a soak, and returns what makes and ends faults: bad weather
// where there is a network, else lost answers.
func (t *trial) soaked(ctx context.Context, p place, rnd *rand.Rand) (l *load, witness *session.Manager, change func(bad bool), done func() error, err error) {
	if serverEnv[p.Kind] != "" {
		s, err := newStorm(ctx, p)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		change = func(bad bool) {
			w := fair
			if bad {
				w = storms[rnd.IntN(len(storms))]
			}
			s.proxy.set(w)
		}
		if l, err = newLoad(s.store.Store, time.Now); err != nil {
			return nil, nil, nil, nil, errors.Join(err, s.close())
		}
		return l, s.witness, change, s.close, nil
	}
	store, err := p.open(ctx)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	l, err = newLoad(store.Store, time.Now)
	if err == nil {
		witness, err = newManager(store.Store)
	}
	if err != nil {
		return nil, nil, nil, nil, errors.Join(err, store.close())
	}
	change = func(bad bool) {
		l.loss.Store(0)
		if bad {
			l.loss.Store(uint64(5 + rnd.IntN(40)))
		}
	}
	return l, witness, change, store.close, nil
}
