package sqlstore

import (
	"context"
	"database/sql"
)

// withStmt calls f with a prepared statement. If the server refuses the statement
// because it is out of date, withStmt prepares it again and calls f once more.
func (s *Store) withStmt(ctx context.Context, text string, f func(*sql.Stmt) error) error {
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
