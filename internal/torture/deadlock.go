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

// A deadlock needs two locks on either side. A statement of the store changes one row,
// or many that it has locked without waiting, so that two of them never have one; but
// each takes more than the row: the table, or entries of an index. Here another program
// locks these, as a migration or a report does, and the store is the victim.
//
// Each of the statements before is one that locks something and leaves our write
// waiting for it with a lock of its own in hand; each of those after asks for that one.
var deadlock = map[string]struct{ before, after []string }{
	"postgres": {
		before: []string{"SET LOCAL deadlock_timeout = '1min'", "SELECT id FROM {table} FOR UPDATE"},
		after:  []string{"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"},
	},
	"mariadb": {
		// The server ends the transaction that has changed less.
		before: []string{"INSERT INTO ballast SELECT seq FROM seq_1_to_5000", "SELECT id FROM {table} WHERE owner > ' ' FOR UPDATE"},
		after:  []string{"SELECT id FROM {table} FOR UPDATE"},
	},
}

// deadlocks makes some under load, each with a login in it, which must succeed: it is
// tried again.
func (t *trial) deadlocks(ctx context.Context, s *server.Server) (told string, err error) {
	p, err := newPlaceAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	db, err := sql.Open(p.driver(), p.DSN)
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxIdleConns(-1) // none that is there when the connections are counted
	if t.kind == "postgres" {
		err = p.option("deadlock_timeout", "200ms") // it looks once, so not before the circle is closed
	} else {
		err = execAll(ctx, db, "CREATE TABLE ballast (n INT)")
	}
	if err != nil {
		return "", err
	}
	victims := 0
	told, err = t.onPlace(ctx, p, time.Now, func(l *load, store opened) error {
		before, err := t.victims(ctx, db, store)
		if err != nil {
			return err
		}
		for i := range 5 {
			wait(ctx, t.each/10)
			if err := t.deadlock(ctx, db, p, l, i); err != nil {
				return err
			}
		}
		victims, err = t.victims(ctx, db, store)
		if victims -= before; err == nil && victims == 0 {
			err = errors.New("there was no deadlock")
		}
		return err
	})
	return fmt.Sprintf("%d deadlocks, %s", victims, told), err
}

// deadlock is one of them. The other program is not its victim.
func (t *trial) deadlock(ctx context.Context, db *sql.DB, p place, l *load, i int) error {
	status, token := l.request(ctx, http.MethodPost, "/", "", "first")
	if status != http.StatusOK {
		return fmt.Errorf("a new session was answered by %d", status)
	}
	v := &ledger{token: token, marks: map[string]int{"first": status}}
	l.mu.Lock()
	l.all = append(l.all, v)
	l.mu.Unlock()

	other, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer other.Rollback()
	statements := deadlock[t.kind]
	if err := execAll(ctx, other, p.named(statements.before)...); err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		mark := "deadlock" + strconv.Itoa(i)
		status, fresh := l.request(ctx, http.MethodPost, "/login", token, mark)
		v.marks[mark], v.unheard = status, status != http.StatusOK
		if fresh != "" {
			v.token = fresh
		}
	}()
	wait(ctx, 50*time.Millisecond) // until it waits; if it does not yet, there is one deadlock less
	err = execAll(ctx, other, p.named(statements.after)...)
	err = errors.Join(err, other.Rollback())
	<-answered
	if status := v.marks["deadlock"+strconv.Itoa(i)]; err == nil && status != http.StatusOK {
		err = fmt.Errorf("the victim of a deadlock was answered by %d", status)
	}
	return err
}

// victims counts the deadlocks that struck the store, or MariaDB since it was started.
func (t *trial) victims(ctx context.Context, db *sql.DB, store opened) (n int, err error) {
	if store.refused != nil {
		return store.refused.count("40P01"), nil
	}
	err = db.QueryRowContext(ctx, "SELECT count FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'").Scan(&n)
	return n, err
}
