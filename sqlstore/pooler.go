package sqlstore

import (
	"context"
	"database/sql"

	"github.com/expanse-go/session/internal/sqltable"
)

// checkPooler finds out whether there is a pooler between the program and PostgreSQL
// that loses prepared statements, and then prepares none. It fails if the driver does so
// by itself.
func (s *Store) checkPooler(ctx context.Context) error {
	if s.names.Dialect.Misnamed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sqltable.PoolerTimeout)
	defer cancel()
	lost, known := s.unprepared, false
	if !lost {
		lost, known = s.losesStatements(ctx)
	}
	how := s.sends()
	switch {
	case lost && s.driverPrepares(ctx):
		return sqltable.ErrPooled
	case how == byDriver || how == unprepared:
	case lost:
		s.sending.Store(int32(pooled))
	case known:
		s.sending.CompareAndSwap(int32(unsure), int32(prepared))
	}
	return nil
}

// losesStatements looks for such a pooler. It needs two connections; with a pool of one,
// or if none is free for long, nothing is known.
func (s *Store) losesStatements(ctx context.Context) (lost, known bool) {
	if s.db.Stats().MaxOpenConnections == 1 {
		return false, false
	}
	one, err := s.db.Conn(ctx)
	if err != nil {
		return false, false // what follows finds out why
	}
	defer one.Close()
	two, err := s.db.Conn(ctx)
	if err != nil {
		return false, false // the pool is in use
	}
	defer two.Close()
	err = sqltable.KeepsStatements(ctx, poolerConn{one}, poolerConn{two})
	lost = err != nil && s.names.Dialect.Misnamed(err)
	return lost, lost || err == nil
}

// driverPrepares reports whether the driver prepares a statement that it is only told to
// run, and keeps it. The transaction stays with one process of the server.
func (s *Store) driverPrepares(ctx context.Context) (prepares bool) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false // what follows finds out why
	}
	defer tx.Rollback()
	err = tx.QueryRowContext(ctx, sqltable.FindPrepared()).Scan(&prepares)
	return err == nil && prepares
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
