package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/expanse-go/session"
)

// faults puts a store under load while something is wrong around it, and holds what
// the clients were told against what is stored.
func (t *trial) faults(ctx context.Context) error {
	var errs []error
	each := func(name string, run func(context.Context) (string, error)) {
		start := time.Now()
		told, err := run(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("faults, %s, -seed %d, %s: %w", t.kind, t.seed, name, err))
			return
		}
		fmt.Fprintf(t.out, "faults  %-8s seed %d: %s: %s in %.1fs\n", t.kind, t.seed, name, told, time.Since(start).Seconds())
	}
	switch t.kind {
	case "file", "sqlite":
		each("disk full", t.diskFull)
	case "postgres", "mariadb":
		each("network", t.network)
		each("serializable transactions, connections ended by the server", t.serializable)
	}
	if t.kind == "sqlite" {
		each("locked by another process", t.locked)
	}
	each("clock set back an hour", t.clockBack)
	return errors.Join(errs...)
}

// network lets every storm pass over a store and its server.
func (t *trial) network(ctx context.Context) (told string, err error) {
	before := runtime.NumGoroutine()
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	s, err := newStorm(ctx, p)
	if err != nil {
		return "", err
	}
	defer s.close()
	var worst time.Duration
	for i, w := range storms {
		storm, cancel := context.WithTimeout(ctx, t.each)
		s.proxy.set(w)
		s.run(storm, t.seed+uint64(i), 6)
		cancel()
		s.proxy.set(fair)
		recovery, err := s.recovers(ctx)
		if err != nil {
			return "", fmt.Errorf("after %s: %w", w, err)
		}
		worst = max(worst, recovery)
	}
	if err := s.settle(ctx, s.witness, true); err != nil {
		return "", err
	}
	if in := s.store.db.Stats().InUse; in > 0 {
		return "", fmt.Errorf("%d connections are still in use", in)
	}
	told = fmt.Sprintf("%d storms, %s, recovered within %v", len(storms), s, worst.Round(time.Millisecond))
	if err := s.close(); err != nil {
		return "", err
	}
	return told, atRest(ctx, before)
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
	return t.onPlace(ctx, p, time.Now, func(l *load) error {
		for range 8 { // with the server ending all connections in between
			wait(ctx, t.each/8)
			if err := p.hangUp(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// A storm is a load through a proxy, and a witness that sees what is stored.
type storm struct {
	*load

	proxy   *proxy
	store   opened // through the proxy
	direct  opened
	witness *session.Manager
	closed  bool
}

func newStorm(ctx context.Context, p place) (*storm, error) {
	address, err := p.address()
	if err != nil {
		return nil, err
	}
	s := &storm{}
	if s.proxy, err = newProxy(address); err != nil {
		return nil, err
	}
	behind, err := p.via(s.proxy.address())
	if err == nil {
		s.store, err = behind.open(ctx)
	}
	if err == nil {
		s.direct, err = p.open(ctx)
	}
	if err == nil {
		s.witness, err = newManager(s.direct.Store)
	}
	if err == nil {
		s.load, err = newLoad(s.store.Store, time.Now)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *storm) close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.store.close(), s.direct.close(), s.proxy.close())
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

// atRest waits until there are as many goroutines as before.
func atRest(ctx context.Context, before int) error {
	now := 0
	for range 500 {
		if now = runtime.NumGoroutine(); now <= before {
			return nil
		}
		wait(ctx, 10*time.Millisecond)
	}
	buf := make([]byte, 1<<16)
	return fmt.Errorf("%d goroutines, %d before:\n%s", now, before, buf[:runtime.Stack(buf, true)])
}

// onPlace puts a load on a place for as long as f takes, and settles.
func (t *trial) onPlace(ctx context.Context, p place, now func() time.Time, f func(*load) error) (told string, err error) {
	store, err := p.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.close()) }()
	l, err := newLoad(store.Store, now)
	if err != nil {
		return "", err
	}
	loading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(loading, t.seed, 6)
	}()
	err = f(l)
	stop()
	<-ended
	if err != nil {
		return "", err
	}
	recovery, err := l.recovers(ctx)
	if err != nil {
		return "", err
	}
	if err := l.settle(ctx, l.manager, true); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, recovered within %v", l, recovery.Round(time.Millisecond)), nil
}

// diskFull fills the small disk that the store is on, while it is written to.
func (t *trial) diskFull(ctx context.Context) (told string, err error) {
	disk := filepath.Join(t.dir, "disk-"+t.kind)
	if err := os.Mkdir(disk, 0o700); err != nil {
		return "", err
	}
	if err := mountSmall(disk); err != nil {
		return "skipped: this user may not mount a small disk (" + err.Error() + ")", nil
	}
	defer func() { err = errors.Join(err, unmount(disk)) }()
	p, err := newPlace(ctx, t.kind, disk)
	if err != nil {
		return "", err
	}
	return t.onPlace(ctx, p, time.Now, func(l *load) error {
		wait(ctx, t.each/3)
		ballast := filepath.Join(disk, "ballast")
		f, err := os.Create(ballast)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, endless{})
		if !errors.Is(err, unix.ENOSPC) {
			return errors.Join(fmt.Errorf("the disk did not get full: %w", err), f.Close())
		}
		wait(ctx, t.each/3)
		l.mu.Lock()
		failed := l.statuses[http.StatusServiceUnavailable]
		l.mu.Unlock()
		err = errors.Join(f.Close(), os.Remove(ballast))
		if failed == 0 && t.kind == "file" { // SQLite may go on in the file that it has
			return errors.Join(err, errors.New("no request failed on a full disk"))
		}
		wait(ctx, t.each/3)
		return err
	})
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// locked lets another process hold the write lock of the file.
func (t *trial) locked(ctx context.Context) (string, error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	return t.onPlace(ctx, p, time.Now, func(l *load) error {
		for _, hold := range []time.Duration{storeTimeout / 2, 2 * storeTimeout} { // one can be waited for
			wait(ctx, t.each/6)
			cmd, in, out, err := spawn("locker", p)
			if err != nil {
				return err
			}
			var b [1]byte
			if _, err := io.ReadFull(out, b[:]); err != nil {
				return errors.Join(fmt.Errorf("the process that locks: %w", err), cmd.Wait())
			}
			wait(ctx, hold)
			if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
				return err
			}
		}
		wait(ctx, t.each/6)
		return nil
	})
}

// lockerChild holds the write lock until stdin ends.
func lockerChild(ctx context.Context, args []byte) error {
	var p place
	if err := json.Unmarshal(args, &p); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", strings.Replace(p.DSN, "busy_timeout(100)", "busy_timeout(20000)", 1))
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	fmt.Print("L")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, "ROLLBACK")
	return err
}

// clockBack sets the clock back by an hour under load: no session is lost, no write
// fails, and who was logged out stays out.
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
	return t.onPlace(ctx, p, c.Now, func(l *load) error {
		for range 2 {
			wait(ctx, t.each/4)
			if err := c.set(-time.Hour); err != nil {
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
