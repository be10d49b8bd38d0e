package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
	"github.com/expanse-go/session/sqlstore"
)

// exec returns how many rows the statement changed. A repeatable one does the same when
// it is run twice.
func (s *Store) exec(ctx context.Context, st sqltable.Statement, repeatable bool) (n int, err error) {
	err = s.retry(ctx, repeatable, func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, st.Text, s.args(st.Args)...)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

// query calls read with the rows of each try.
func (s *Store) query(ctx context.Context, st sqltable.Statement, read func(pgx.Rows) error) error {
	return s.retry(ctx, true, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, st.Text, s.args(st.Args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		return read(rows)
	})
}

// exists reports whether the statement selects a row.
func (s *Store) exists(ctx context.Context, st sqltable.Statement) (there bool, err error) {
	err = s.query(ctx, st, func(rows pgx.Rows) error {
		there = rows.Next()
		return rows.Err()
	})
	return there, err
}

// records calls found for each record that the statement selects with its ID. It calls
// begin before each try.
func (s *Store) records(ctx context.Context, st sqltable.Statement, begin func(), found func(session.Record)) error {
	return s.query(ctx, st, func(rows pgx.Rows) error {
		begin()
		for rows.Next() {
			var id []byte
			var r sqltable.Row
			if err := rows.Scan(&id, &r.Version, &r.Owner, &r.Address, &r.UserAgent, &r.Created, &r.Activity, &r.Expires, &r.Data); err != nil {
				return err
			}
			known, ok := sqltable.IDOf(id)
			if !ok {
				return session.ErrCorrupt
			}
			found(r.Record(known))
		}
		return rows.Err()
	})
}

// loadOne loads a record with a statement of its own.
func (s *Store) loadOne(ctx context.Context, id session.ID) (rec session.Record, err error) {
	err = s.retry(ctx, true, func(ctx context.Context, conn *pgx.Conn) error {
		var r sqltable.Row
		err := conn.QueryRow(ctx, s.text.Load, s.args([]any{id[:]})...).
			Scan(&r.Version, &r.Owner, &r.Address, &r.UserAgent, &r.Created, &r.Activity, &r.Expires, &r.Data)
		rec = r.Record(id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = session.ErrNotFound
	}
	return rec, err
}

// retry calls f with a connection, and again if the error is transient, or if the
// connection failed and that can do no harm: nothing was stored, or f is repeatable.
func (s *Store) retry(ctx context.Context, repeatable bool, f func(context.Context, *pgx.Conn) error) error {
	for try := 1; ; try++ {
		err := s.names.Dialect.Retry(ctx, func() error { return s.do(ctx, f) })
		fault, checked := s.report(err)
		if fault == sqltable.Sound || try == tries || !repeatable && fault != sqltable.ReadOnly || ctx.Err() != nil {
			return err
		}
		select {
		case <-checked:
		case <-ctx.Done():
			return err
		}
	}
}

// args are what pgx takes before the arguments, and the arguments.
func (s *Store) args(args []any) []any {
	if !s.unprepared.Load() {
		return args
	}
	return append([]any{pgx.QueryExecModeExec}, args...)
}

// tries bounds how often a statement is sent whose connection turns out to be useless.
const tries = 3

// maxUnsent limits how many connections are tried that are broken before anything was
// sent on them.
const maxUnsent = 3

// do calls f with a connection of the pool. It calls f again on another connection if
// nothing was sent, and on the same one if a prepared statement is out of date: pgx
// then prepares it again.
//
// If that does not help, a pooler loses prepared statements, and none is prepared from
// then on.
func (s *Store) do(ctx context.Context, f func(context.Context, *pgx.Conn) error) (err error) {
	for range maxUnsent {
		if s.closed.Load() {
			return sqlstore.ErrClosed
		}
		if err = ctx.Err(); err != nil {
			return err
		}
		err = s.onConn(ctx, f)
		if !pgconn.SafeToRetry(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (s *Store) onConn(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil && s.closed.Load() {
		return sqlstore.ErrClosed // Close has closed the pool since
	}
	if err != nil {
		return err
	}
	defer conn.Release()
	c := conn.Conn()
	err = bounded(ctx, c, f)
	if err != nil && s.names.Dialect.Stale(err) {
		err = bounded(ctx, c, f)
	}
	if err != nil && s.names.Dialect.Misnamed(err) {
		s.unprepared.Store(true)
		err = bounded(ctx, c, f)
	}
	return err
}

// longestDeadline is how far away a deadline may be for a cancellation to be ignored
// until then.
const longestDeadline = time.Minute

// bounded calls f with a context that pgx need not watch, if ctx has a deadline; it
// sets the deadline on the network connection instead. Watching costs pgx a goroutine
// per statement: measured, a fifth of the processor time of a load. When the deadline
// passes, pgx closes the connection, as it does when a watched context ends.
func bounded(ctx context.Context, conn *pgx.Conn, f func(context.Context, *pgx.Conn) error) error {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) > longestDeadline {
		return f(ctx, conn)
	}
	network := conn.PgConn().Conn()
	if err := network.SetDeadline(deadline); err != nil {
		return f(ctx, conn)
	}
	err := f(context.WithoutCancel(ctx), conn)
	// A closed connection has a deadline of its own, for its last message.
	if !conn.IsClosed() {
		_ = network.SetDeadline(time.Time{}) // an error means that the connection is broken; its next use reports that
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !time.Now().Before(deadline) {
		err = fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
}
