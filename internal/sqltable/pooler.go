package sqltable

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// PoolerTimeout bounds the search for a pooler.
const PoolerTimeout = 2 * time.Second

// Pooled is the warning of a store that has found such a pooler.
const Pooled = "a connection pooler loses prepared statements, so each statement is sent unprepared, which is slower"

// ErrPooled is the error of a store that cannot send statements unprepared, because its
// driver prepares them.
var ErrPooled = errors.New("pgx prepares statements, and a connection pooler loses them; add default_query_exec_mode=exec to the DSN, or use pgxstore, which does this by itself")

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

	// So many parameters that no other program's statement can run instead, if the driver
	// gives it the same name.
	probe = "SELECT $1::int8 + $2::int8 + $3::int8 + $4::int8 + $5::int8 + $6::int8 + $7::int8 -- "
)

// FindPrepared returns a query that finds itself if the driver has prepared it under a
// name. No two are the same.
func FindPrepared() string {
	return "SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE statement LIKE '%" + rand.Text() + "%')"
}

// KeepsStatements finds out whether prepared statements stay with their connection. If the
// error is one that Misnamed reports, they do not: a pooler between the program and the
// server hands a server process to one client after the other. After another error,
// nothing is known.
//
// It prepares a statement on one connection and occupies the server process with the
// other. If two connections never meet at one process, each has its own, unless the first
// moves to other processes, because a pooler has many clients; then that one is tried.
func KeepsStatements(ctx context.Context, one, two PoolerConn) error {
	var first int64
	moved := false
	for range 3 {
		run, done, err := one.Prepared(ctx, probe+rand.Text())
		if err != nil {
			return err
		}
		use := func() error {
			ctx, cancel := context.WithTimeout(ctx, PoolerTimeout/4) // a pooler may have one process only
			defer cancel()
			return run(ctx, 1, 2, 3, 4, 5, 6, 7)
		}
		mine, err := one.Backend(ctx, backend)
		met := false
		if err == nil {
			met, err = meets(ctx, two, mine, use)
		}
		first = cmp.Or(first, mine)
		moved = moved || mine != first
		for i := 0; moved && !met && err == nil && i < 8; i++ {
			err = use()
		}
		done()
		if err != nil || met {
			return err
		}
	}
	return nil
}

// meets calls f while the connection has a transaction, if that is with the same server
// process as another connection's last statement.
func meets(ctx context.Context, c PoolerConn, pid int64, f func() error) (met bool, err error) {
	if err := c.Run(ctx, "BEGIN"); err != nil {
		return false, err
	}
	its, err := c.Backend(ctx, backend)
	if met = err == nil && its == pid; met {
		err = f()
	}
	if e := c.Run(ctx, "ROLLBACK"); err == nil {
		err = e
	}
	return met, err
}
