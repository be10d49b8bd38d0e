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
	"strings"
	"time"

	"github.com/expanse-go/session/internal/respawn"
	"golang.org/x/sys/unix"
)

// diskFull fills the small disk that the store is on, while it is written to.
func (t *trial) diskFull(ctx context.Context) (told string, err error) {
	disk := filepath.Join(t.dir, "disk-"+t.kind)
	if err := os.Mkdir(disk, 0o700); err != nil {
		return "", err
	}
	if err := mountSmall(disk); err != nil {
		return skipped(fmt.Errorf("this user may not mount a small disk: %w", err))
	}
	defer func() { err = errors.Join(err, unmount(disk)) }()
	p, err := newPlace(ctx, t.kind, disk)
	if err != nil {
		return "", err
	}
	return t.onPlace(ctx, p, time.Now, func(l *load, _ opened) error {
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
	return t.onPlace(ctx, p, time.Now, func(*load, opened) error {
		for _, hold := range []time.Duration{storeTimeout / 2, 2 * storeTimeout} { // one can be waited for
			wait(ctx, t.each/6)
			cmd, in, out, err := respawn.Start("locker", p)
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
