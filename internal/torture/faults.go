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

// faults puts a store under load while something is wrong around it, and holds what
// the clients were told against what is stored.
func (t *trial) faults(ctx context.Context) error {
	var errs []error
	each := func(name string, run func(context.Context) (string, error)) {
		if ctx.Err() != nil {
			return
		}
		start := time.Now()
		told, err := run(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("faults, %s, -seed %d, %s: %w", t.kind, t.seed, name, err))
			return
		}
		if !strings.HasPrefix(told, "skipped") {
			t.did.faults++
		}
		fmt.Fprintf(t.out, "faults  %-8s seed %d: %s: %s in %.1fs\n", t.kind, t.seed, name, told, time.Since(start).Seconds())
	}
	switch t.kind {
	case "file", "sqlite":
		each("disk full", t.diskFull)
	case "postgres", "mariadb":
		for _, w := range storms {
			each(string(w), func(ctx context.Context) (string, error) { return t.storm(ctx, w) })
		}
		each("serializable transactions, connections ended by the server", t.serializable)
		errs = append(errs, t.withServer(ctx, each))
	}
	switch t.kind {
	case "sqlite":
		each("locked by another process", t.locked)
	case "postgres":
		each("failover to a replica", t.failover)
	}
	each("clock set back an hour", t.clockBack)
	return errors.Join(errs...)
}

// onPlace puts a load on a place for as long as f takes, and settles. Afterwards there
// are as many goroutines as before, and no connections or open files.
func (t *trial) onPlace(ctx context.Context, p place, now func() time.Time, f func(*load, opened) error) (told string, err error) {
	before := goroutines(ctx)
	store, err := p.open(ctx)
	if err != nil {
		return "", err
	}
	told, err = t.onStore(ctx, store, nil, now, f)
	if err := errors.Join(err, store.close()); err != nil {
		return "", err
	}
	return told, p.atRest(ctx, before)
}

// onStore does that with a store, and looks at what is stored through the witness, or by
// the load's own means.
func (t *trial) onStore(ctx context.Context, store opened, witness *session.Manager, now func() time.Time, f func(*load, opened) error) (told string, err error) {
	l, err := newLoad(store.Store, now)
	if err != nil {
		return "", err
	}
	if witness == nil {
		witness = l.manager
	}
	loading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(loading, t.seed, 6)
	}()
	var recovery time.Duration
	if err = f(l, store); err == nil {
		recovery, err = l.recovers(ctx)
	}
	stop()
	<-ended
	if err != nil {
		return "", err
	}
	if err := l.settle(ctx, witness, true); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, recovered within %v", l, recovery.Round(time.Millisecond)), store.idle(ctx)
}

// recovers makes requests until one is answered by 200 again, without a restart.
func (l *load) recovers(ctx context.Context) (time.Duration, error) {
	const limit = 10 * time.Second
	start := time.Now()
	for time.Since(start) < limit && ctx.Err() == nil {
		if status, _ := l.request(ctx, http.MethodPost, "/", "", "first"); status == http.StatusOK {
			return time.Since(start), nil
		}
		wait(ctx, time.Millisecond)
	}
	return 0, fmt.Errorf("no request succeeded for %v after the fault was over", limit)
}

// goroutines is how many there are, without those that are about to end.
func goroutines(ctx context.Context) int {
	n := runtime.NumGoroutine()
	for range 10 {
		wait(ctx, time.Millisecond)
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

// atRest waits until there are as many goroutines as before, and nobody is connected to
// the place.
func (p *place) atRest(ctx context.Context, before int) error {
	const tries, pause = 500, 10 * time.Millisecond
	now := runtime.NumGoroutine()
	for i := 0; i < tries && now > before; i++ {
		wait(ctx, pause)
		now = runtime.NumGoroutine()
	}
	if now > before {
		buf := make([]byte, 1<<16)
		return fmt.Errorf("%d goroutines, %d before:\n%s", now, before, buf[:runtime.Stack(buf, true)])
	}
	connected, err := p.connections(ctx)
	for i := 0; i < tries && err == nil && connected > 0; i++ {
		wait(ctx, pause)
		connected, err = p.connections(ctx)
	}
	if err == nil && connected > 0 {
		err = fmt.Errorf("%d connections or open files are left", connected)
	}
	return err
}

// idle reports connections that stay in use although nobody asks for anything. On
// SQLite, a store keeps some for a second.
func (o opened) idle(ctx context.Context) error {
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

// serializable makes the database refuse transactions that it cannot put in order,
// which an update of a row that another one has just changed is.
func (t *trial) serializable(ctx context.Context) (told string, err error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	if err := p.option(map[string]string{"postgres": "default_transaction_isolation", "mariadb": "tx_isolation"}[t.kind], "serializable"); err != nil {
		return "", err
	}
	failures := 0
	told, err = t.onPlace(ctx, p, time.Now, func(_ *load, store opened) error {
		for range 8 { // with the server ending all connections in between
			wait(ctx, t.each/8)
			if err := p.hangUp(ctx); err != nil {
				return err
			}
		}
		if store.refused == nil { // MariaDB has no such failures: its single statements wait
			return nil
		}
		if failures = store.refused.count("40001"); failures == 0 {
			return errors.New("the database has refused no transaction")
		}
		return nil
	})
	if failures > 0 {
		told = fmt.Sprintf("%d serialization failures, %s", failures, told)
	}
	return told, err
}

// clockBack sets the clock back by an hour under load, and on again: no session is lost,
// no write fails, and who was logged out stays out.
func (t *trial) clockBack(ctx context.Context) (told string, err error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	c, err := openClock(filepath.Join(t.dir, "clock-back-"+t.kind))
	if err != nil {
		return "", err
	}
	return t.onPlace(ctx, p, c.Now, func(l *load, _ opened) error {
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
