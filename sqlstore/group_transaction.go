package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// writeInTransaction gives each write its own statement in one transaction.
//
// A deferred BEGIN is enough although the transaction writes: its first statement is
// a write, and takes the lock before it has read anything that could grow stale.
func (s *Store) writeInTransaction(ctx context.Context, batch []*write) {
	var committing bool
	var outcome error                    // of the commit, once there was one
	results := make([]error, len(batch)) // not the writes' own: if the driver panics, none counts
	commit := func(ctx context.Context, on runner, tx driver.Tx) error {
		for i, w := range batch {
			results[i] = s.exec(ctx, on, w)
			if !answered(results[i]) {
				return results[i]
			}
		}
		committing = true
		outcome = tx.Commit()
		return outcome
	}
	err := s.retry(ctx, func() error {
		committing = false
		err := s.pins.do(ctx, true, func(ctx context.Context, p *pin) error {
			tx, err := p.begin(ctx)
			if err != nil {
				return err
			}
			defer func() {
				if !committing {
					_ = tx.Rollback() // what failed before says more
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
		return s.inTransaction(ctx, batch, commit)
	})
	if err == nil {
		for i, w := range batch {
			w.result = results[i]
		}
		return
	}
	if !committing && !s.names.dialect.transient(err) {
		err = errAlone // nothing is stored, and the fault may be with one of them only
	}
	for _, w := range batch {
		w.result = err
	}
}

// inTransaction calls commit with a transaction of the pool.
func (s *Store) inTransaction(ctx context.Context, batch []*write, commit func(context.Context, runner, driver.Tx) error) error {
	for _, text := range []string{s.text.exists, s.text.inPlace, s.text.update, s.text.postpone} {
		if _, err := s.prepared(ctx, text); err != nil {
			return err
		}
	}
	for _, w := range batch {
		text, _ := s.statement(w)
		if _, err := s.prepared(ctx, text); err != nil {
			return err
		}
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	in := transaction{s, tx, make(map[string]*sql.Stmt)}
	return commit(context.WithoutCancel(ctx), in, tx) // as a calm one
}
