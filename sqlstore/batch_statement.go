package sqlstore

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/sqltable"
)

// writeInStatement updates the records of a batch with one statement, which skips those
// that another transaction has locked. So a lock that is held for long does not hold up
// the others, and batches of two processes can't deadlock. Records that the statement
// leaves out, for this or another reason, are written alone.
func (s *Store) writeInStatement(ctx context.Context, ws []*write, _ []struct{}, errs []error) {
	if !s.sharesUpdates(ctx) {
		return
	}
	recs := make([]*session.Record, len(ws))
	for i, w := range ws {
		recs[i] = &w.rec
	}
	stored, err := s.updateMany(ctx, s.text.UpdateMany(recs))
	s.report(err)
	for i, w := range ws {
		switch {
		case err == nil && slices.Contains(stored, w.rec.ID):
			errs[i] = nil
		case err == nil, s.names.Dialect.Refused(err):
			errs[i] = batch.ErrAlone
		default:
			errs[i] = err // nobody knows what is stored
		}
	}
}

func (s *Store) updateMany(ctx context.Context, st sqltable.Statement) (ids []session.ID, err error) {
	err = s.withStmt(ctx, st.Text, func(stmt sender) (err error) {
		ids, err = scanIDs(stmt.QueryContext(ctx, st.Args...))
		return err
	})
	return ids, err
}

// A sharedUpdate records whether the server has the statement that updates many
// records.
type sharedUpdate struct{ there, missing atomic.Bool }

// sharesUpdates reports whether the server has that statement, and asks it at the first
// batch. If the server lacks it, writes no longer use the queue. If the question fails,
// the next batch asks again.
func (s *Store) sharesUpdates(ctx context.Context) bool {
	d := s.names.Dialect
	switch {
	case d.ManyHere == "" || s.shared.there.Load():
		return true
	case s.shared.missing.Load(): // for writes that are still in the queue
		return false
	}
	var here bool
	err := s.db.QueryRowContext(ctx, d.ManyHere).Scan(&here)
	switch {
	case err == nil && here:
		s.shared.there.Store(true)
	case err == nil, d.Lacks(err):
		s.shared.missing.Store(true)
	}
	return s.shared.there.Load()
}

// loadMany loads the records of a batch with one SELECT. If that fails, each load runs
// alone, because the error may concern only the leader's connection.
func (s *Store) loadMany(ctx context.Context, ids []session.ID, recs []session.Record, errs []error) {
	found, err := s.recordsOf(ctx, s.text.LoadMany(sqltable.Distinct(ids)))
	s.report(err)
	if err == nil {
		sqltable.Deliver(found, ids, recs, errs)
	}
}

func (s *Store) recordsOf(ctx context.Context, st sqltable.Statement) (found map[session.ID]session.Record, err error) {
	err = s.withStmt(ctx, st.Text, func(stmt sender) error {
		rows, err := stmt.QueryContext(ctx, st.Args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		found = make(map[session.ID]session.Record, len(st.Args))
		for rows.Next() {
			var r row
			if err := rows.Scan(r.destWithID()...); err != nil {
				return err
			}
			if id, ok := sqltable.IDOf(r.id); ok {
				found[id] = r.record(id)
			}
		}
		return rows.Err()
	})
	return found, err
}
