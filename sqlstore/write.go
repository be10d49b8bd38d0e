package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/expanse-go/session"
)

// op is the name of an operation, as [session.StoreError] gives it.
type op string

const (
	opLoad   op = "load"
	opCreate op = "create"
	opUpdate op = "update"
	opDelete op = "delete"
	opTouch  op = "touch"
	opPrune  op = "prune"
	opList   op = "list"
)

// A write is one call of a method that writes.
type write struct {
	op  op
	rec session.Record // as far as op needs it

	limit, pruned, postponed int // of opPrune

	waiting // while it is in a group
}

// size is how many bytes the write brings, but for its numbers.
func (w *write) size() int {
	return len(w.rec.Data) + len(w.rec.Owner) + len(w.rec.Client.Address) + len(w.rec.Client.UserAgent)
}

func (s *Store) write(ctx context.Context, w *write) error {
	var err error
	if s.group.takes(w.op) {
		err = s.group.do(ctx, w)
	} else {
		err = s.writeAlone(ctx, w)
	}
	if answered(err) {
		return err
	}
	return failed(ctx, w.op, w.rec.ID, err)
}

// answered is true for what the contract counts as the outcome of a write.
func answered(err error) bool {
	return err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict)
}

func (s *Store) writeAlone(ctx context.Context, w *write) error {
	return s.retry(ctx, func() error {
		if w.op == opPrune && s.text.prune == "" {
			return s.pruneLocked(ctx, w)
		}
		err := s.pins.do(ctx, true, func(ctx context.Context, p *pin) error { return s.exec(ctx, p, w) })
		if errors.Is(err, errIndirect) {
			err = s.exec(ctx, pool{s}, w)
		}
		return err
	})
}

// statement returns the text of a write and its arguments.
func (s *Store) statement(w *write) (string, []any) {
	r := &w.rec
	switch w.op {
	case opCreate:
		if s.text.postpone != "" {
			return s.text.create, recordArgs(r, r.ID[:], hour(nanos(r.ExpiresAt)))
		}
		return s.text.create, recordArgs(r, r.ID[:])
	case opUpdate:
		switch {
		case s.text.inPlace == "":
			return s.text.update, recordArgs(r, r.ID[:], int64(r.Version))
		case s.hints.move(r):
			return s.text.update, recordArgs(r, hour(nanos(r.ExpiresAt)), r.ID[:], int64(r.Version))
		}
		args := recordArgs(r, r.ID[:], int64(r.Version), r.Owner, hour(nanos(r.ExpiresAt)))
		return s.text.inPlace, args[1:] // the owner is compared, not set
	case opDelete:
		return s.text.delete, []any{r.ID[:]}
	case opTouch:
		active, expires := nanos(r.LastActivity), nanos(r.ExpiresAt)
		return s.text.touch, []any{active, expires, r.ID[:], active, expires}
	default:
		return s.text.prune, s.pruneArgs(w)
	}
}

// A runner runs the statements of a write: the pool, one transaction of it, or a pin.
type runner interface {
	// exec returns how many rows the statement changed.
	exec(ctx context.Context, text string, args []any) (int, error)

	// exists reports whether a query finds a row.
	exists(ctx context.Context, text string, args []any) (bool, error)
}

// exec runs a write by its statement. In a transaction of the pool, all statements that
// it can need must have been prepared before.
func (s *Store) exec(ctx context.Context, on runner, w *write) error {
	if w.op == opPrune && s.text.postpone != "" {
		// First, so that a second try counts anew what it deletes.
		n, err := on.exec(ctx, s.text.postpone, s.pruneArgs(w))
		if err != nil {
			return err
		}
		w.postponed = n
	}
	text, args := s.statement(w)
	n, err := on.exec(ctx, text, args)
	if err == nil && n == 0 && w.op == opUpdate && text == s.text.inPlace {
		r := &w.rec
		n, err = on.exec(ctx, s.text.update, recordArgs(r, hour(nanos(r.ExpiresAt)), r.ID[:], int64(r.Version)))
	}
	if err != nil {
		if duplicate := s.names.dialect.duplicate; w.op == opCreate && duplicate != nil && duplicate(err) {
			return session.ErrConflict
		}
		return err
	}
	switch {
	case w.op == opCreate && n == 0:
		return session.ErrConflict
	case w.op == opUpdate && n == 0:
		return s.whyNot(ctx, on, w.rec.ID)
	case w.op == opPrune:
		w.pruned = n
	case w.op == opCreate, w.op == opUpdate:
		s.hints.note(&w.rec)
	}
	return nil
}

// whyNot tells why an update found no row. It must not run in a transaction of MySQL,
// whose REPEATABLE READ would answer from before.
func (s *Store) whyNot(ctx context.Context, on runner, id session.ID) error {
	there, err := on.exists(ctx, s.text.exists, []any{id[:]})
	switch {
	case err != nil:
		return err
	case !there:
		return session.ErrNotFound
	}
	return session.ErrConflict
}

// The pool runs each statement on a connection of its own.
type pool struct{ s *Store }

func (p pool) exec(ctx context.Context, text string, args []any) (int, error) {
	if p.s.direct.Load() {
		n, err := p.s.execDirect(ctx, text, args)
		if !errors.Is(err, errIndirect) {
			return n, err
		}
	}
	stmt, err := p.s.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	if ctx, err = p.s.calmed(ctx, args); err != nil {
		return 0, err
	}
	return changed(stmt.ExecContext(ctx, args...))
}

func (p pool) exists(ctx context.Context, text string, args []any) (bool, error) {
	stmt, err := p.s.prepared(ctx, text)
	if err != nil {
		return false, err
	}
	return oneRow(stmt.QueryRowContext(ctx, args...))
}

// A transaction has its own copy of each statement, made at the first use.
type transaction struct {
	s     *Store
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // by text
}

func (t transaction) exec(ctx context.Context, text string, args []any) (int, error) {
	stmt, err := t.prepared(ctx, text)
	if err != nil {
		return 0, err
	}
	return changed(stmt.ExecContext(ctx, args...))
}

func (t transaction) exists(ctx context.Context, text string, args []any) (bool, error) {
	stmt, err := t.prepared(ctx, text)
	if err != nil {
		return false, err
	}
	return oneRow(stmt.QueryRowContext(ctx, args...))
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
