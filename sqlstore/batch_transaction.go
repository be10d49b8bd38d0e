package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/sqltable"
)

// writeInTransaction runs the writes of a batch in one transaction.
//
// A deferred BEGIN is enough although the transaction writes: its first statement is a
// write, which takes the lock before the transaction has read anything that could
// become stale.
func (s *Store) writeInTransaction(ctx context.Context, ws []*write, _ []struct{}, errs []error) {
	var committing bool
	var outcome error                 // of the commit
	results := make([]error, len(ws)) // not errs: if the driver panics, none counts
	commit := func(ctx context.Context, on runner, tx driver.Tx) error {
		for i, w := range ws {
			results[i] = s.exec(ctx, on, w)
			if !sqltable.Answered(results[i]) {
				return results[i]
			}
		}
		committing = true
		outcome = tx.Commit()
		return outcome
	}
	err := s.names.Dialect.Retry(ctx, func() error {
		committing = false
		err := s.pins.do(ctx, true, func(ctx context.Context, p *pin) error {
			tx, err := p.begin(ctx)
			if err != nil {
				return err
			}
			defer func() {
				if !committing {
					_ = tx.Rollback() // the first error matters more
				}
			}()
			return commit(ctx, p, tx)
		})
		switch {
		case committing:
			return outcome
		case !errors.Is(err, errIndirect):
			return err
		}
		return s.inTransaction(ctx, ws, commit)
	})
	switch {
	case err == nil:
		copy(errs, results)
		return
	case !committing && !s.names.Dialect.Transient(err):
		err = batch.ErrAlone // nothing is stored; one of the writes may be the cause
	}
	for i := range errs {
		errs[i] = err
	}
}

// inTransaction calls commit with a transaction of the pool.
func (s *Store) inTransaction(ctx context.Context, ws []*write, commit func(context.Context, runner, driver.Tx) error) error {
	if _, err := s.prepared(ctx, s.text.Exists); err != nil {
		return err
	}
	for _, w := range ws {
		for _, st := range s.statements(w) {
			if _, err := s.prepared(ctx, st.Text); err != nil {
				return err
			}
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	in := transaction{s, tx, make(map[string]*sql.Stmt)}
	return commit(context.WithoutCancel(ctx), in, tx) // statements take microseconds; watching the context costs a goroutine each
}
