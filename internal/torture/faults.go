package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// faults runs a load on a store while it injects faults, and then compares the stored data
// with the responses that the clients got.
func (t *trial) faults(ctx context.Context) error {
	var errs []error
	run := t.runner(ctx, "faults", &errs)
	switch t.kind {
	case "file", "sqlite":
		run("disk full", t.diskFull)
	case "postgres", "mariadb":
		for _, w := range networkFaults {
			run(string(w), func(ctx context.Context) (string, error) { return t.networkFault(ctx, w) })
		}
		run("serializable transactions, connections ended by the server", t.serializable)
		errs = append(errs, t.withServer(ctx, run))
	}
	switch t.kind {
	case "redis":
		for _, w := range networkFaults {
			run(string(w), func(ctx context.Context) (string, error) { return t.networkFault(ctx, w) })
		}
		run("scripts lost", t.scriptsLost)
		errs = append(errs, t.withServer(ctx, run))
	case "sqlite":
		run("locked by another process", t.databaseLocked)
	case "postgres":
		run("failover to a replica", t.failover)
	case "nats":
		run("leader killed", t.leaderKilled)
	}
	run("clock set back an hour", t.clockSetBack)
	return errors.Join(errs...)
}

// runner returns a function that runs one experiment, prints its summary, and collects errors.
func (t *trial) runner(ctx context.Context, of string, errs *[]error) func(name string, f func(context.Context) (string, error)) {
	return func(name string, f func(context.Context) (string, error)) {
		if ctx.Err() != nil || !strings.Contains(name, t.only) {
			return
		}
		start := time.Now()
		summary, err := f(ctx)
		if err != nil {
			*errs = append(*errs, fmt.Errorf("%s, %s, -seed %d, %s: %w", of, t.kind, t.seed, name, err))
			return
		}
		if !strings.HasPrefix(summary, "skipped") {
			t.totals.faults++
		}
		fmt.Fprintf(t.out, "%-7s %-8s seed %d: %s: %s in %.1fs\n", of, t.kind, t.seed, name, summary, time.Since(start).Seconds())
	}
}

// loadLocation opens a location, runs a load on it until f returns, and verifies the result.
// It fails if goroutines, connections or open files are left.
func (t *trial) loadLocation(ctx context.Context, loc location, now func() time.Time, f func(*load, openStore) error) (summary string, err error) {
	before := goroutines(ctx)
	store, err := loc.open(ctx)
	if err != nil {
		return "", err
	}
	summary, err = t.loadStore(ctx, store, nil, now, f)
	if err := errors.Join(err, store.close()); err != nil {
		return "", err
	}
	return summary, loc.checkLeaks(ctx, before)
}

// loadStore runs a load on a store until f returns. It reads the stored data through the
// observer or, if that is nil, through the load's own manager.
func (t *trial) loadStore(ctx context.Context, store openStore, observer *session.Manager, now func() time.Time, f func(*load, openStore) error) (summary string, err error) {
	l, err := newLoad(now, append([]session.Store{store.Store}, store.others...)...)
	if err != nil {
		return "", err
	}
	if observer == nil {
		observer = l.manager
	}
	loading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(loading, t.seed, 6)
	}()
	var recovery time.Duration
	if err = f(l, store); err == nil {
		recovery, err = l.waitForRecovery(ctx)
	}
	stop()
	<-ended
	if err != nil {
		return "", err
	}
	if err := l.verify(ctx, observer, true); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, recovered within %v", l, recovery.Round(time.Millisecond)), store.checkInUse(ctx)
}

// waitForRecovery sends requests until one gets a 200. It returns the time that took.
func (l *load) waitForRecovery(ctx context.Context) (time.Duration, error) {
	return l.recoversWithin(ctx, 10*time.Second)
}

func (l *load) recoversWithin(ctx context.Context, limit time.Duration) (time.Duration, error) {
	start := time.Now()
	for time.Since(start) < limit && ctx.Err() == nil {
		if status, _ := l.request(ctx, http.MethodPost, "/", "", "first"); status == http.StatusOK {
			return time.Since(start), nil
		}
		wait(ctx, time.Millisecond)
	}
	return 0, fmt.Errorf("no request succeeded within %v after the fault ended", limit)
}

// goroutines counts the goroutines. It takes the minimum of a few readings, to leave out
// those that are about to exit.
func goroutines(ctx context.Context) int {
	n := runtime.NumGoroutine()
	for range 10 {
		wait(ctx, time.Millisecond)
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

// checkLeaks waits up to 5 seconds until there are no more goroutines than before, and up to
// 5 more until no connection to the location is left.
func (loc *location) checkLeaks(ctx context.Context, before int) error {
	const tries, pause = 500, 10 * time.Millisecond
	now := runtime.NumGoroutine()
	for i := 0; i < tries && now > before; i++ {
		wait(ctx, pause)
		now = runtime.NumGoroutine()
	}
	if now > before {
		buf := make([]byte, 1<<16)
		return fmt.Errorf("goroutine leak: %d, %d before:\n%s", now, before, buf[:runtime.Stack(buf, true)])
	}
	connected, err := loc.openConnections(ctx)
	for i := 0; i < tries && err == nil && connected > 0; i++ {
		wait(ctx, pause)
		connected, err = loc.openConnections(ctx)
	}
	if err == nil && connected > 0 {
		err = fmt.Errorf("%d connections or open files are left open", connected)
	}
	return err
}

// checkInUse fails if connections stay in use for 3 seconds without a request. On SQLite, a
// store keeps some for a second.
func (o openStore) checkInUse(ctx context.Context) error {
	const tries, pause = 300, 10 * time.Millisecond
	if o.db == nil {
		return nil
	}
	n := o.db.Stats().InUse
	for i := 0; i < tries && n > 0; i++ {
		wait(ctx, pause)
		n = o.db.Stats().InUse
	}
	if n > 0 {
		return fmt.Errorf("%d connections are still in use", n)
	}
	return nil
}

// serializable runs a load at the isolation level SERIALIZABLE, where PostgreSQL fails an
// update of a row that a concurrent transaction has changed. The server also closes all
// connections several times.
func (t *trial) serializable(ctx context.Context) (summary string, err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	if err := loc.setOption(map[string]string{"postgres": "default_transaction_isolation", "mariadb": "tx_isolation"}[t.kind], "serializable"); err != nil {
		return "", err
	}
	failures := 0
	summary, err = t.loadLocation(ctx, loc, time.Now, func(_ *load, store openStore) error {
		for range 8 {
			wait(ctx, t.each/8)
			if err := loc.terminateConnections(ctx); err != nil {
				return err
			}
		}
		if store.pgErrors == nil { // MariaDB: single statements wait instead of failing
			return nil
		}
		for deadline := time.Now().Add(30 * time.Second); store.pgErrors.count("40001") == 0 && time.Now().Before(deadline); {
			wait(ctx, t.each/8) // a busy machine has not got to it
		}
		if failures = store.pgErrors.count("40001"); failures == 0 {
			return errors.New("no serialization failure occurred")
		}
		return nil
	})
	if failures > 0 {
		summary = fmt.Sprintf("%d serialization failures, %s", failures, summary)
	}
	return summary, err
}

// clockSetBack sets the clock back by an hour and forward again under load. No session may
// be lost, no write may fail, and logged-out sessions must stay logged out.
func (t *trial) clockSetBack(ctx context.Context) (summary string, err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	c, err := openClock(filepath.Join(t.dir, "clock-back-"+t.kind))
	if err != nil {
		return "", err
	}
	return t.loadLocation(ctx, loc, c.Now, func(l *load, _ openStore) error {
		for range 2 {
			wait(ctx, t.each/4)
			if err := c.set(-time.Hour); err != nil {
				return err
			}
			if _, err := l.manager.Prune(ctx); err != nil {
				return err
			}
			wait(ctx, t.each/4)
			if err := c.set(0); err != nil {
				return err
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := l.statuses[http.StatusServiceUnavailable] + l.statuses[http.StatusInternalServerError]; n > 0 {
			return fmt.Errorf("%d requests failed", n)
		}
		return nil
	})
}
