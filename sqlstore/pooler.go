package sqlstore

import (
	"context"
	"database/sql"

	"github.com/expanse-go/session/internal/sqltable"
)

// checkPooler finds out whether there is a pooler between the program and PostgreSQL
// that loses prepared statements, and then prepares none. It needs two connections; with
// a pool of one, or if none is free for long, nothing is known.
func (s *Store) checkPooler(ctx context.Context) error {
	if s.names.Dialect.Misnamed == nil || s.unprepared || s.db.Stats().MaxOpenConnections == 1 {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, sqltable.PoolerTimeout)
	defer cancel()
	one, err := s.db.Conn(wait)
	if err != nil {
		return nil // what follows finds out why
	}
	defer one.Close()
	two, err := s.db.Conn(wait)
	if err != nil {
		return nil // the pool is in use
	}
	lost, err := sqltable.LosesStatements(wait, poolerConn{one}, poolerConn{two})
	two.Close()
	one.Close()
	switch {
	case err != nil && !s.names.Dialect.Misnamed(err):
		return nil // what follows finds out why
	case err != nil || lost:
		s.pooled.Store(true)
		return s.stopPreparing(ctx)
	case s.sends() == unprepared && s.way.mode.Load() == nil && isDriver(s.db, "github.com/lib/pq"):
		s.way.how.Store(int32(prepared))
	}
	return nil
}

// A poolerConn is a [sqltable.PoolerConn].
type poolerConn struct{ *sql.Conn }

func (c poolerConn) Run(ctx context.Context, text string) error {
	_, err := c.ExecContext(ctx, text)
	return err
}

func (c poolerConn) Backend(ctx context.Context, text string) (pid int64, err error) {
	err = c.QueryRowContext(ctx, text).Scan(&pid)
	return pid, err
}

func (c poolerConn) Prepared(ctx context.Context, text string) (run func(ctx context.Context, args ...any) error, done func(), err error) {
	stmt, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, nil, err
	}
	run = func(ctx context.Context, args ...any) error {
		var sum int64
		return stmt.QueryRowContext(ctx, args...).Scan(&sum)
	}
	return run, func() { _ = stmt.Close() }, nil // the server may not know it
}
