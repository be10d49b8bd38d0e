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

// String summarizes the load: requests by status, events, latencies and memory.
func (l *load) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	statuses := map[string]int{}
	for status, n := range l.statuses {
		statuses[strconv.Itoa(status)] = n
	}
	took := slices.Sorted(slices.Values(l.durations))
	quantile := func(q float64) time.Duration {
		if len(took) == 0 {
			return 0
		}
		return took[int(q*float64(len(took)-1))].Round(10 * time.Microsecond)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return fmt.Sprintf("%d requests on %d sessions (%s), conflicts %d, replayed %d, dropped %d, failed calls %d, p50 %v, p99 %v, max %v, heap %d MB",
		l.requests, l.sessions, formatCounts(statuses), l.conflicts.Load(), l.events[session.EventReplayed], l.events[session.EventDropped], l.events[session.EventFailed],
		quantile(0.5), quantile(0.99), l.longest.Round(10*time.Microsecond), memory.HeapAlloc>>20)
}

// soak runs a mixed load for d and injects a fault every third second.
func (t *trial) soak(ctx context.Context, d time.Duration) (err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	fail := func(err error) error { return fmt.Errorf("soak, %s, -seed %d: %w", t.kind, t.seed, err) }
	rnd := rand.New(rand.NewPCG(t.seed, 2))
	l, observer, setFault, done, err := t.newSoak(ctx, loc, rnd)
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
			setFault(n%3 == 0 && end.Err() == nil)
			if err := l.verify(ctx, observer, false); err != nil {
				cancel()
				<-ended
				return fail(err)
			}
			if n%10 == 0 {
				fmt.Fprintf(t.out, "soak    %-8s %4ds: %s\n", t.kind, n, l)
			}
		}
	}
	setFault(false)
	if _, err := l.waitForRecovery(ctx); err != nil {
		return fail(err)
	}
	summary := l.String()
	if err := l.verify(ctx, observer, true); err != nil {
		return fail(err)
	}
	fmt.Fprintf(t.out, "soak    %-8s seed %d: %v: %s: no invariant violated\n", t.kind, t.seed, d, summary)
	return nil
}

// newSoak opens a location for a soak. Its setFault injects or ends a fault: a random network
// fault if the store has a server, lost responses otherwise.
func (t *trial) newSoak(ctx context.Context, loc location, rnd *rand.Rand) (l *load, observer *session.Manager, setFault func(bad bool), done func() error, err error) {
	if serverEnv[loc.Kind] != "" {
		s, err := newProxiedStore(ctx, loc)
		if err != nil {
			return nil, nil, nil, nil, err
		}
		setFault = func(bad bool) {
			w := noFault
			if bad {
				w = networkFaults[rnd.IntN(len(networkFaults))]
			}
			s.proxy.set(w)
		}
		if l, err = newLoad(time.Now, s.store.Store); err != nil {
			return nil, nil, nil, nil, errors.Join(err, s.close())
		}
		return l, s.observer, setFault, s.close, nil
	}
	store, err := loc.open(ctx)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	l, err = newLoad(time.Now, store.Store)
	if err == nil {
		observer, err = newManager(store.Store)
	}
	if err != nil {
		return nil, nil, nil, nil, errors.Join(err, store.close())
	}
	setFault = func(bad bool) {
		l.loss.Store(0)
		if bad {
			l.loss.Store(uint64(5 + rnd.IntN(40)))
		}
	}
	return l, observer, setFault, store.close, nil
}
