package migrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pressly/goose/v3/lock"
	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/expanse-go/session/cmd/beam/internal/owner"
)

// lockTimeout limits how long a process waits for another one. It is longer than any
// migration of a session table should take.
const lockTimeout = 5 * time.Minute

var errTimeout = fmt.Errorf("another process has been migrating this database for %s; "+
	"check what it is doing, then try again", lockTimeout)

// newLocker returns the locker for a dialect. It returns nil for a SQLite database in memory,
// which no other process can access.
func newLocker(d Dialect, lockFile string) (lock.SessionLocker, error) {
	switch {
	case d == Postgres:
		return lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(lockTimeout/time.Second)))
	case d == MySQL:
		return mysqlLocker{}, nil
	case d == SQLite && lockFile != "":
		return &fileLocker{path: lockFile}, nil
	case d == SQLite:
		return nil, nil
	default:
		return nil, fmt.Errorf("cannot migrate a database with the dialect %q", d)
	}
}

// mysqlLocker uses GET_LOCK, which waits on the server and is released with the connection.
// goose's own locker for MySQL uses a lease in a table, which several processes would have to
// create at once.
type mysqlLocker struct{}

var _ lock.SessionLocker = mysqlLocker{}

func (mysqlLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	name, err := mysqlLockName(ctx, conn)
	if err != nil {
		return err
	}
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, int(lockTimeout.Seconds())).Scan(&got)
	switch {
	case err != nil:
		return err
	case !got.Valid:
		return errors.New("the database server could not acquire the lock for migrations")
	case got.Int64 != 1:
		return errTimeout
	}
	return nil
}

func (mysqlLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	name, err := mysqlLockName(ctx, conn)
	if err != nil {
		return err
	}
	var released sql.NullInt64
	return conn.QueryRowContext(ctx, "SELECT RELEASE_LOCK(?)", name).Scan(&released)
}

// mysqlLockName returns a lock name that depends on the database, because locks are shared by
// the whole server. A lock name has at most 64 characters, so the database name is hashed.
func mysqlLockName(ctx context.Context, conn *sql.Conn) (string, error) {
	var database sql.NullString
	if err := conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(database.String))
	return "goose." + hex.EncodeToString(sum[:16]), nil
}

// fileLocker locks a file next to a SQLite database. SQLite's own locks end with the
// transaction, and goose uses one transaction per migration. The lock file is never removed,
// because waiting processes have it open.
type fileLocker struct {
	path    string
	unlock  func()
	waiting sync.WaitGroup // goroutines that wait for the lock, including abandoned ones
}

var _ lock.SessionLocker = (*fileLocker)(nil)

// SessionLock waits in a separate goroutine, because waiting for a file lock cannot be
// canceled. If SessionLock gives up, that goroutine releases the lock as soon as it gets it.
func (l *fileLocker) SessionLock(ctx context.Context, _ *sql.Conn) error {
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result, 1)
	existing := owner.Existing(l.path)
	l.waiting.Go(func() {
		unlock, err := lockedfile.MutexAt(l.path).Lock()
		got <- result{unlock, err}
	})
	abandon := func(err error) error {
		l.waiting.Go(func() {
			if r := <-got; r.err == nil {
				r.unlock()
			}
		})
		return err
	}
	timeout := time.NewTimer(lockTimeout)
	defer timeout.Stop()
	select {
	case r := <-got:
		if r.err != nil {
			return fmt.Errorf("cannot lock the database for migrations: %w", r.err)
		}
		if err := owner.Give(l.path, existing); err != nil {
			r.unlock()
			return fmt.Errorf("cannot lock the database for migrations: %w", err)
		}
		l.unlock = r.unlock
		return nil
	case <-ctx.Done():
		return abandon(ctx.Err())
	case <-timeout.C:
		return abandon(errTimeout)
	}
}

func (l *fileLocker) SessionUnlock(context.Context, *sql.Conn) error {
	l.unlock()
	return nil
}
