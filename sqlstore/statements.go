package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/expanse-go/session/internal/sqltable"
)

// A sender sends one statement, with its arguments.
type sender interface {
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
}

// withStmt calls f with the statement. If the server refuses to run it as it was
// prepared, withStmt prepares it again and calls f once more. If that does not help,
// because something between the program and the server loses prepared statements, no
// statement is prepared from then on. If it is the driver that prepares, the error says
// how to change that.
func (s *Store) withStmt(ctx context.Context, text string, f func(sender) error) error {
	how := s.sends()
	err := s.withPrepared(ctx, how, text, f)
	d := s.names.Dialect
	switch {
	case err == nil:
		return nil
	case d.Exhausted != nil && d.Exhausted(err): // others may close theirs
		return f(inline{d, s.db, text})
	case d.Misnamed == nil || !d.Misnamed(err):
		return err
	case how != prepared:
		return fmt.Errorf("%w (%w)", sqltable.ErrPooled, err)
	}
	s.sending.Store(int32(pooled))
	return f(inline{d, s.db, text})
}

func (s *Store) withPrepared(ctx context.Context, how sending, text string, f func(sender) error) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	switch how {
	case unprepared, unsure, pooled:
		return f(inline{s.names.Dialect, s.db, text})
	case byDriver:
		err := f(direct{s.db, text})
		if err == nil || !s.names.Dialect.Stale(err) {
			return err
		}
		return s.onOneConnection(ctx, text, f)
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	if err = f(stmt); err == nil || !s.renew(text, stmt, err) {
		return err
	}
	if stmt, err = s.prepared(ctx, text); err != nil {
		return err
	}
	return f(stmt)
}

// onOneConnection is for a driver that prepares by itself, and prepares a statement
// again after it failed on the same connection.
func (s *Store) onOneConnection(ctx context.Context, text string, f func(sender) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err = f(direct{conn, text}); err != nil && s.names.Dialect.Stale(err) {
		err = f(direct{conn, text})
	}
	return err
}

// renew reports whether the statement has to be prepared again, because it is stale or
// because another goroutine has already replaced it. Closing a stale statement makes
// pgx deallocate it on its connections.
func (s *Store) renew(text string, stmt *sql.Stmt, err error) bool {
	stale := s.names.Dialect.Stale
	if stale == nil {
		return false
	}
	s.mu.Lock()
	current := s.stmts[text] == stmt
	if current && stale(err) {
		delete(s.stmts, text)
	}
	s.mu.Unlock()
	if current && stale(err) {
		_ = stmt.Close() // the statement is useless in any case
	}
	const closed = "sql: statement is closed" // database/sql has no value for it
	return stale(err) || !current && err.Error() == closed
}

// prepared returns the statement, and prepares it at its first use; an unprepared
// statement costs a second round trip at each use. Preparing needs a free connection,
// so the caller must not hold one: the pool may have no other.
func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt, closed := s.stmts[text], s.closed
	s.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	if stmt != nil {
		return stmt, nil
	}
	// Two goroutines may prepare the same statement at the same time. If one prepared
	// it under the lock, everybody would wait for one slow connection.
	stmt, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.stmts[text]; first != nil {
		stmt.Close()
		return first, nil
	}
	if s.closed {
		stmt.Close()
		return nil, ErrClosed
	}
	s.stmts[text] = stmt
	return stmt, nil
}
