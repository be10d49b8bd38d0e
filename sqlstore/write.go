package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// op is the name of an operation in a [session.StoreError].
type op string

const (
	opLoad   op = "load"
	opCreate op = "create"
	opImport op = "import"
	opUpdate op = "update"
	opDelete op = "delete"
	opTouch  op = "touch"
	opPrune  op = "prune"
	opList   op = "list"
	opStat   op = "stat"
	opRevoke op = "delete of an owner"
)

// A write is one call of a method that writes.
type write struct {
	op  op
	rec session.Record // the fields that op needs

	limit, pruned, postponed int // of opPrune

	ids     []session.ID // of opRevoke
	deleted int
}

func (s *Store) write(ctx context.Context, w *write) error {
	err := s.trust(ctx)
	switch {
	case err != nil:
	case s.inCompany(w.op):
		_, err = s.writes.Do(ctx, w)
	default:
		err = s.writeAlone(ctx, w)
	}
	if err == nil && s.names.Dialect == sqltable.PostgreSQL {
		// A driver that cancels the statement at the end of the context, and then waits for the
		// answer, may be told of a success: while a commit waits for a replica, a cancellation ends
		// only the wait. It is on the primary, but not safe.
		err = ctx.Err()
	}
	if sqltable.Answered(err) {
		return err
	}
	return s.failed(ctx, w.op, w.rec.ID, err)
}

// failed wraps an error that is not one of the contract's. Whoever waited for a
// connection in vain learns it.
func (s *Store) failed(ctx context.Context, o op, id session.ID, err error) error {
	if pool := s.db.Stats(); ctx.Err() != nil && pool.MaxOpenConnections > 0 && pool.InUse >= pool.MaxOpenConnections {
		err = sqltable.AllInUse(pool.MaxOpenConnections, err)
	}
	return sqltable.Failed(ctx, string(o), id, err)
}

func (s *Store) writeAlone(ctx context.Context, w *write) error {
	run := func() error {
		if w.op == opPrune && s.text.Expired != "" {
			return s.pruneLocked(ctx, w)
		}
		err := s.pins.do(ctx, true, func(ctx context.Context, p *pin) error { return s.exec(ctx, p, w) })
		if errors.Is(err, errIndirect) {
			err = s.exec(ctx, pool{s}, w)
		}
		return err
	}
	repeatable := w.op == opDelete || w.op == opTouch
	return s.again(ctx, repeatable, s.names.Dialect.Retry(ctx, run), run)
}

// A runner runs the statements of a write: the pool, a transaction of it, or a pin.
type runner interface {
	// exec returns how many rows the statement changed.
	exec(ctx context.Context, st sqltable.Statement) (int, error)

	// exists reports whether a query finds a row.
	exists(ctx context.Context, st sqltable.Statement) (bool, error)
}

// statements returns the statements of a write. Each runs only if the one before it
// changed no row; those of opPrune all run.
func (s *Store) statements(w *write) []sqltable.Statement {
	r := &w.rec
	switch w.op {
	case opCreate:
		return []sqltable.Statement{s.text.Create(r)}
	case opImport:
		return []sqltable.Statement{s.text.Import(r)}
	case opUpdate:
		if st, ok := s.text.UpdateInPlace(r); ok {
			return []sqltable.Statement{st, s.text.Update(r)}
		}
		return []sqltable.Statement{s.text.Update(r)}
	case opDelete:
		return []sqltable.Statement{s.text.Delete(r.ID)}
	case opRevoke:
		return []sqltable.Statement{s.text.DeleteOwned(r.Owner, w.ids)}
	case opTouch:
		return []sqltable.Statement{s.text.Touch(r.ID, r.LastActivity, r.ExpiresAt)}
	default:
		if st, ok := s.text.Postpone(r.ExpiresAt, w.limit); ok {
			return []sqltable.Statement{st, s.text.Prune(r.ExpiresAt, w.limit)}
		}
		return []sqltable.Statement{s.text.Prune(r.ExpiresAt, w.limit)}
	}
}

// exec runs a write. In a transaction of the pool, all statements that it may need must
// already be prepared.
func (s *Store) exec(ctx context.Context, on runner, w *write) error {
	creates := w.op == opCreate || w.op == opImport
	n, before := 0, 0
	for _, st := range s.statements(w) {
		var err error
		before = n
		if n, err = on.exec(ctx, st); err != nil {
			if duplicate := s.names.Dialect.Duplicate; creates && duplicate != nil && duplicate(err) {
				return session.ErrConflict
			}
			return err
		}
		if w.deleted = n; n > 0 && w.op != opPrune {
			return nil
		}
	}
	switch w.op {
	case opCreate, opImport:
		return session.ErrConflict
	case opUpdate:
		return s.whyNot(ctx, on, w.rec.ID)
	case opPrune:
		w.pruned, w.postponed = n, before
	}
	return nil
}

// whyNot returns the reason why an update found no row. It must not run in a
// transaction of MySQL, whose REPEATABLE READ would answer from an old snapshot.
func (s *Store) whyNot(ctx context.Context, on runner, id session.ID) error {
	there, err := on.exists(ctx, sqltable.Statement{Text: s.text.Exists, Args: []any{id[:]}})
	switch {
	case err != nil:
		return err
	case !there:
		return session.ErrNotFound
	}
	return session.ErrConflict
}

// The pool runs each statement on any of its connections.
type pool struct{ s *Store }

func (p pool) exec(ctx context.Context, st sqltable.Statement) (n int, err error) {
	err = p.s.withStmt(ctx, st.Text, func(stmt sender) (err error) {
		n, err = changed(stmt.ExecContext(ctx, st.Args...))
		return err
	})
	return n, err
}

func (p pool) exists(ctx context.Context, st sqltable.Statement) (found bool, err error) {
	err = p.s.withStmt(ctx, st.Text, func(stmt sender) error {
		found, err = oneRow(stmt.QueryRowContext(ctx, st.Args...))
		return err
	})
	return found, err
}

// A transaction binds each prepared statement to itself at the first use.
type transaction struct {
	s     *Store
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // by text
}

func (t transaction) exec(ctx context.Context, st sqltable.Statement) (int, error) {
	stmt, err := t.prepared(ctx, st.Text)
	if err != nil {
		return 0, err
	}
	return changed(stmt.ExecContext(ctx, st.Args...))
}

func (t transaction) exists(ctx context.Context, st sqltable.Statement) (bool, error) {
	stmt, err := t.prepared(ctx, st.Text)
	if err != nil {
		return false, err
	}
	return oneRow(stmt.QueryRowContext(ctx, st.Args...))
}

func (t transaction) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt := t.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.s.prepared(ctx, text)
	if err == nil {
		stmt = t.tx.StmtContext(ctx, stmt)
		t.stmts[text] = stmt
	}
	return stmt, err
}

func changed(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func oneRow(row *sql.Row) (bool, error) {
	var one int
	err := row.Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
