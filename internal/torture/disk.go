package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/expanse-go/session/internal/respawn"
	"golang.org/x/sys/unix"
)

// diskFull fills up the small file system of the store while the store is under load.
func (t *trial) diskFull(ctx context.Context) (summary string, err error) {
	disk := filepath.Join(t.dir, "disk-"+t.kind)
	if err := os.Mkdir(disk, 0o700); err != nil {
		return "", err
	}
	if err := mountSmall(disk); err != nil {
		return skipped(fmt.Errorf("this user may not mount a small file system: %w", err))
	}
	defer func() { err = errors.Join(err, unmount(disk)) }()
	loc, err := newLocation(ctx, t.kind, disk)
	if err != nil {
		return "", err
	}
	return t.loadLocation(ctx, loc, time.Now, func(l *load, _ openStore) error {
		wait(ctx, t.each/3)
		ballast := filepath.Join(disk, "ballast")
		f, err := os.Create(ballast)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, filler{})
		if !errors.Is(err, unix.ENOSPC) {
			return errors.Join(fmt.Errorf("the disk did not fill up: %w", err), f.Close())
		}
		wait(ctx, t.each/3)
		for deadline := time.Now().Add(30 * time.Second); t.kind == "file" && l.failures() == 0 && time.Now().Before(deadline); {
			wait(ctx, t.each/3) // a busy machine has not got to it
		}
		err = errors.Join(f.Close(), os.Remove(ballast))
		if l.failures() == 0 && t.kind == "file" { // SQLite may reuse space in its file
			return errors.Join(err, errors.New("no request failed on a full disk"))
		}
		wait(ctx, t.each/3)
		return err
	})
}

type filler struct{}

func (filler) Read(b []byte) (int, error) { return len(b), nil }

// databaseLocked makes another process hold SQLite's write lock.
func (t *trial) databaseLocked(ctx context.Context) (string, error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	return t.loadLocation(ctx, loc, time.Now, func(*load, openStore) error {
		for _, hold := range []time.Duration{storeTimeout / 2, 2 * storeTimeout} { // the store can wait for the first one
			wait(ctx, t.each/6)
			cmd, in, out, err := respawn.Start("locker", loc)
			if err != nil {
				return err
			}
			var b [1]byte
			if _, err := io.ReadFull(out, b[:]); err != nil {
				return errors.Join(fmt.Errorf("locker process: %w", err), cmd.Wait())
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

// lockerChild holds the write lock until stdin is closed.
func lockerChild(ctx context.Context, args []byte) error {
	var loc location
	if err := json.Unmarshal(args, &loc); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", strings.Replace(loc.DSN, "busy_timeout(100)", "busy_timeout(20000)", 1))
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
