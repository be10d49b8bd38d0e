package sqltable

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"
)

// PoolerTimeout bounds the search for a pooler.
const PoolerTimeout = 2 * time.Second

// Pooled is the warning of a store that has found such a pooler.
const Pooled = "the connections lead through a pooler that loses prepared statements: each statement is sent unprepared, which is slower"

// A PoolerConn is a connection to PostgreSQL, or to a pooler.
type PoolerConn interface {
	// Run runs a statement.
	Run(ctx context.Context, text string) error

	// Backend runs a query for a number.
	Backend(ctx context.Context, text string) (int64, error)

	// Prepared prepares a query for a number.
	Prepared(ctx context.Context, text string) (run func(ctx context.Context, args ...any) error, done func(), err error)
}

const (
	backend = "SELECT pg_backend_pid()"

	// So many parameters that it is no other program's statement which is run, if the
	// driver gives it the same name.
	probe = "SELECT $1::int8 + $2::int8 + $3::int8 + $4::int8 + $5::int8 + $6::int8 + $7::int8 -- "
)

// LosesStatements reports whether a pooler between the program and the server hands a
// server connection to one client after the other, and prepared statements with it. If
// two connections never meet at one server process, each has its own.
func LosesStatements(ctx context.Context, one, two PoolerConn) (lost bool, err error) {
	var first int64
	shared := false
	for range 3 {
		run, done, err := one.Prepared(ctx, probe+rand.Text())
		if err != nil {
			return false, err
		}
		mine, err := one.Backend(ctx, backend)
		met := false
		if err == nil {
			met, err = meets(ctx, two, mine, func() { lost = lostNow(ctx, run) })
		}
		done()
		if err != nil || met {
			return lost, err
		}
		first = cmp.Or(first, mine)
		shared = shared || mine != first
	}
	return shared, nil
}

// meets calls f while the connection has a transaction, if that is with the same server
// process as another connection's last statement.
func meets(ctx context.Context, c PoolerConn, pid int64, f func()) (met bool, err error) {
	if err := c.Run(ctx, "BEGIN"); err != nil {
		return false, err
	}
	its, err := c.Backend(ctx, backend)
	if met = its == pid; met {
		f()
	}
	if e := c.Run(ctx, "ROLLBACK"); err == nil {
		err = e
	}
	return met, err
}

// lostNow runs a statement that was prepared with a server process which somebody else
// has now.
func lostNow(ctx context.Context, run func(ctx context.Context, args ...any) error) bool {
	ctx, cancel := context.WithTimeout(ctx, PoolerTimeout/4)
	defer cancel()
	return run(ctx, 1, 2, 3, 4, 5, 6, 7) != nil
}
