package pgxstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/sqltable"
)

// patience is how long others wait for the leader of a batch.
const patience = 100 * time.Millisecond

// newWrites returns the queue of updates. Near the server, it has one slot, because two
// would halve the batches.
func newWrites(s *Store) *batch.Queue[*session.Record, struct{}] {
	return &batch.Queue[*session.Record, struct{}]{
		Slots: 1, Max: sqltable.MaxWrites, Patience: patience, Server: &s.server,
		Fits: fits,
		Single: func(ctx context.Context, r *session.Record) (struct{}, error) {
			return struct{}{}, s.updateOne(ctx, r)
		},
		Batch: s.updateMany,
	}
}

// newReads returns the queue of loads. Near the server, it has two slots: with one, the server would
// idle while its answer is handed out.
func newReads(s *Store) *batch.Queue[session.ID, session.Record] {
	return &batch.Queue[session.ID, session.Record]{
		Slots: 2, Max: sqltable.MaxReads, Patience: patience, Server: &s.server,
		Single: batch.Timed(&s.server, s.loadOne), Batch: s.loadMany,
	}
}

// free reports whether the pool has a free connection, or may open one.
func (s *Store) free() bool {
	pool := s.pool.Stat()
	return pool.AcquiredConns() < pool.MaxConns()
}

// fits allows one update of each session in a batch, because a statement changes a row
// only once, and limits the bytes of a batch; a single update may be larger.
func fits(b []*session.Record, next *session.Record) bool {
	bytes := sqltable.Size(next)
	for _, r := range b {
		if r.ID == next.ID {
			return false
		}
		bytes += sqltable.Size(r)
	}
	return bytes <= sqltable.MaxWriteBytes
}

func (s *Store) updateOne(ctx context.Context, r *session.Record) error {
	n, err := s.exec(ctx, s.text.Update(r), false)
	if err != nil || n > 0 {
		return err
	}
	there, err := s.exists(ctx, sqltable.Statement{Text: s.text.Exists, Args: []any{r.ID[:]}})
	switch {
	case err != nil:
		return err
	case !there:
		return session.ErrNotFound
	}
	return session.ErrConflict
}

// updateMany updates the records of a batch with one statement, which skips those that
// another transaction has locked. So a lock that is held for long does not hold up the
// others, and batches of two processes can't deadlock. Records that the statement
// leaves out, for this or another reason, are written alone. A pipeline of single
// updates (pgx.Batch) measured no faster over HTTP, and would have to wait for such
// locks.
func (s *Store) updateMany(ctx context.Context, recs []*session.Record, _ []struct{}, errs []error) {
	var stored []session.ID
	err := s.do(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		st := s.text.UpdateMany(recs)
		rows, err := conn.Query(ctx, st.Text, s.args(st.Args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		stored = stored[:0]
		for rows.Next() {
			var raw []byte
			if err := rows.Scan(&raw); err != nil {
				return err
			}
			if id, ok := sqltable.IDOf(raw); ok {
				stored = append(stored, id)
			}
		}
		return rows.Err()
	})
	s.report(err)
	for i, r := range recs {
		switch {
		case err == nil && slices.Contains(stored, r.ID):
			errs[i] = nil
		case err == nil, s.names.Dialect.Refused(err):
			errs[i] = batch.ErrAlone
		default:
			errs[i] = err // nobody knows what is stored
		}
	}
}

// loadMany loads the records of a batch with one SELECT. If that fails, each load runs
// alone, because the error may concern only the leader's connection.
func (s *Store) loadMany(ctx context.Context, ids []session.ID, recs []session.Record, errs []error) {
	var found map[session.ID]session.Record
	err := s.records(ctx, s.text.LoadMany(sqltable.Distinct(ids)),
		func() { found = make(map[session.ID]session.Record, len(ids)) },
		func(r session.Record) { found[r.ID] = r })
	if err == nil {
		sqltable.Deliver(found, ids, recs, errs)
	}
}
