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

func (s *Store) write(ctx context.Context, w *write) error {
	var err error
	if s.group != nil && s.group.takes(w.op) {
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
		return s.exec(ctx, nil, w)
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
		if s.text.inPlace != "" {
			args := recordArgs(r, r.ID[:], int64(r.Version), r.Owner, hour(nanos(r.ExpiresAt)))
			return s.text.inPlace, args[1:] // the owner is compared, not set
		}
		return s.text.update, recordArgs(r, r.ID[:], int64(r.Version))
	case opDelete:
		return s.text.delete, []any{r.ID[:]}
	case opTouch:
		active, expires := nanos(r.LastActivity), nanos(r.ExpiresAt)
		return s.text.touch, []any{active, expires, r.ID[:], active, expires}
	default:
		return s.text.prune, s.pruneArgs(w)
	}
}

// exec runs a write by its statement, in the transaction unless that is nil. In a transaction,
// all statements that it can need must have been prepared before.
func (s *Store) exec(ctx context.Context, in *transaction, w *write) error {
	if w.op == opPrune && s.text.postpone != "" {
		// First, so that a second try counts anew what it deletes.
		n, err := s.execText(ctx, in, s.text.postpone, s.pruneArgs(w))
		if err != nil {
			return err
		}
		w.postponed = n
	}
	text, args := s.statement(w)
	n, err := s.execText(ctx, in, text, args)
	if err == nil && n == 0 && w.op == opUpdate && s.text.inPlace != "" {
		r := &w.rec
		n, err = s.execText(ctx, in, s.text.update, recordArgs(r, hour(nanos(r.ExpiresAt)), r.ID[:], int64(r.Version)))
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
		return s.whyNot(ctx, in, w.rec.ID)
	case w.op == opPrune:
		w.pruned = n
	}
	return nil
}

// execText returns how many rows the statement changed.
func (s *Store) execText(ctx context.Context, in *transaction, text string, args []any) (int, error) {
	stmt, err := s.preparedIn(ctx, in, text)
	if err != nil {
		return 0, err
	}
	if s.names.dialect.inProcess && in == nil {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		c := &calm{Context: ctx}
		ctx, args[0] = c, calmArg{c, args[0]}
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// whyNot tells why an update found no row. It must not run in a transaction of MySQL,
// whose REPEATABLE READ would answer from before.
func (s *Store) whyNot(ctx context.Context, in *transaction, id session.ID) error {
	stmt, err := s.preparedIn(ctx, in, s.text.exists)
	if err != nil {
		return err
	}
	var one int
	err = stmt.QueryRowContext(ctx, id[:]).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return session.ErrNotFound
	case err != nil:
		return err
	}
	return session.ErrConflict
}

// A transaction has its own copy of each statement, made at the first use.
type transaction struct {
	tx    *sql.Tx
	stmts map[string]*sql.Stmt // by text
}

func (s *Store) preparedIn(ctx context.Context, in *transaction, text string) (*sql.Stmt, error) {
	if in == nil {
		return s.prepared(ctx, text)
	}
	if stmt := in.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.prepared(ctx, text)
	if err == nil {
		stmt = in.tx.StmtContext(ctx, stmt)
		in.stmts[text] = stmt
	}
	return stmt, err
}
