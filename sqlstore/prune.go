package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// Prune implements [session.Pruner] in batches of 100 records, each in a transaction.
// It finds them by the index on the hour of expiry. On PostgreSQL and MySQL, several
// processes may prune at once; each skips records that another one has locked. If a
// batch fails, Prune returns the number of records deleted so far with the error.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	total := 0
	for total < limit {
		w := &write{op: opPrune, limit: min(limit-total, sqltable.PruneBatch), rec: session.Record{ExpiresAt: before}}
		if err := s.write(ctx, w); err != nil {
			return total, err
		}
		total += w.pruned
		if w.pruned+w.postponed < w.limit {
			break
		}
	}
	return total, nil
}

// pruneLocked is for databases in which a DELETE can't select its rows from the same
// table. It locks expired records, skips those that others have locked, and deletes
// them by key. READ COMMITTED also keeps it from locking the gaps between them.
//
// It prepares nothing, because it is rare, and the number of prepared statements on a
// server is limited.
//
// It deletes one record at a time: given a list of keys, MySQL scans a small table and
// waits for every lock in it.
func (s *Store) pruneLocked(ctx context.Context, w *write) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	ids, err := scanIDs(inline{s.names.Dialect, tx, s.text.Expired}.QueryContext(ctx, s.text.Prune(w.rec.ExpiresAt, w.limit).Args...))
	if err != nil {
		return err
	}
	for _, id := range ids {
		st := s.text.Delete(id)
		if _, err := (inline{s.names.Dialect, tx, st.Text}).ExecContext(ctx, st.Args...); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	w.pruned = len(ids)
	return nil
}

// scanIDs reads the rows of a query whose only column is the ID.
func scanIDs(rows *sql.Rows, err error) ([]session.ID, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []session.ID
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, err
		}
		var id session.ID
		copy(id[:], raw)
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
