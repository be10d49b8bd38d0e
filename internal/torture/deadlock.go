package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/expanse-go/session/internal/tools/server"
)

// Statements of the store never deadlock with each other: each changes one row, or several
// rows that it has locked without waiting. But each also locks the table or index entries,
// so it can deadlock with another program that locks those, such as a migration or a
// report. These statements of another program provoke a deadlock whose victim is the store:
// those in before take a lock for which the store's write waits while it holds another
// lock; those in after request that other lock.
var deadlockStatements = map[string]struct{ before, after []string }{
	"postgres": {
		before: []string{"SET LOCAL deadlock_timeout = '1min'", "SELECT id FROM {table} FOR UPDATE"},
		after:  []string{"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"},
	},
	"mariadb": {
		// The server aborts the transaction that has changed fewer rows.
		before: []string{"INSERT INTO ballast SELECT seq FROM seq_1_to_5000", "SELECT id FROM {table} WHERE owner > ' ' FOR UPDATE"},
		after:  []string{"SELECT id FROM {table} FOR UPDATE"},
	},
}

// deadlocks provokes deadlocks under load. Each involves a login, which must succeed because
// the store retries it.
func (t *trial) deadlocks(ctx context.Context, s *server.Server) (summary string, err error) {
	loc, err := newLocationAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	db, err := sql.Open(loc.driver(), loc.DSN)
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxIdleConns(-1) // so that no idle connection is counted as a leak
	if t.kind == "postgres" {
		err = loc.setOption("deadlock_timeout", "200ms") // it checks once per wait, so only after the cycle exists
	} else {
		err = execAll(ctx, db, "CREATE TABLE ballast (n INT)")
	}
	if err != nil {
		return "", err
	}
	victims := 0
	summary, err = t.loadLocation(ctx, loc, time.Now, func(l *load, store openStore) error {
		before, err := t.countDeadlocks(ctx, db, store)
		if err != nil {
			return err
		}
		for i := range 5 {
			wait(ctx, t.each/10)
			if err := t.deadlock(ctx, db, loc, l, i); err != nil {
				return err
			}
		}
		victims, err = t.countDeadlocks(ctx, db, store)
		if victims -= before; err == nil && victims == 0 {
			err = errors.New("no deadlock occurred")
		}
		return err
	})
	return fmt.Sprintf("%d deadlocks, %s", victims, summary), err
}

// deadlock provokes one deadlock. It fails if the other program is the victim.
func (t *trial) deadlock(ctx context.Context, db *sql.DB, loc location, l *load, i int) error {
	status, token := l.request(ctx, http.MethodPost, "/", "", "first")
	if status != http.StatusOK {
		return fmt.Errorf("creating a session: got status %d, want 200", status)
	}
	v := &sessionLog{token: token, marks: map[string]int{"first": status}}
	l.mu.Lock()
	l.all = append(l.all, v)
	l.mu.Unlock()

	other, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer other.Rollback()
	statements := deadlockStatements[t.kind]
	if err := execAll(ctx, other, loc.withTable(statements.before)...); err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		mark := "deadlock" + strconv.Itoa(i)
		status, fresh := l.request(ctx, http.MethodPost, "/login", token, mark)
		v.marks[mark], v.loginUnknown = status, status != http.StatusOK
		if fresh != "" {
			v.token = fresh
		}
	}()
	wait(ctx, 50*time.Millisecond) // until the login waits; if it doesn't yet, there is no deadlock this time
	err = execAll(ctx, other, loc.withTable(statements.after)...)
	err = errors.Join(err, other.Rollback())
	<-answered
	if status := v.marks["deadlock"+strconv.Itoa(i)]; err == nil && status != http.StatusOK {
		err = fmt.Errorf("login during a deadlock: got status %d, want 200", status)
	}
	return err
}

// countDeadlocks counts the deadlocks of the store or, for MariaDB, of the whole server since
// it was started.
func (t *trial) countDeadlocks(ctx context.Context, db *sql.DB, store openStore) (n int, err error) {
	if store.pgErrors != nil {
		return store.pgErrors.count("40P01"), nil
	}
	err = db.QueryRowContext(ctx, "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'").Scan(&n)
	return n, err
}
