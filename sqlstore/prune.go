package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/expanse-go/session"
)

// pruneBatch is how many records are deleted at once, so that nobody waits long for
// a lock.
const pruneBatch = 100

// Prune implements [session.Pruner] in batches of 100 records, each a transaction,
// found by the index on the hour of the expiry. On PostgreSQL and MySQL several
// processes may prune at once, and skip what another one has in hand. If a batch
// fails, the number of those deleted before is returned with the error.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	total := 0
	for total < limit {
		w := &write{op: opPrune, limit: min(limit-total, pruneBatch), rec: session.Record{ExpiresAt: before}}
		if err := s.write(ctx, w); err != nil {
			return total, err
		}
		total += w.pruned
		if w.pruned < w.limit {
			break
		}
	}
	return total, nil
}

// pruneArgs narrow the search by the indexed hour, and then to the very instant.
func (w *write) pruneArgs() []any {
	before := nanos(w.rec.ExpiresAt)
	return []any{hour(before), before, w.limit}
}

// pruneLocked is for databases whose DELETE cannot choose its rows by the same table:
// it locks expired records, skipping those that are locked, and deletes them by key.
// READ COMMITTED keeps it from locking the gaps between them, too.
func (s *Store) pruneLocked(ctx context.Context, w *write) error {
	expired, err := s.prepared(ctx, s.text.expired)
	if err != nil {
		return err
	}
	deleteBatch, err := s.prepared(ctx, s.text.deleteBatch)
	if err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	ids, err := scanIDs(tx.StmtContext(ctx, expired).QueryContext(ctx, w.pruneArgs()...))
	if err != nil || len(ids) == 0 {
		return err
	}
	n := len(ids)
	for len(ids) < pruneBatch { // the statement has a fixed number of parameters
		ids = append(ids, ids[0])
	}
	if _, err := tx.StmtContext(ctx, deleteBatch).ExecContext(ctx, ids...); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	w.pruned = n
	return nil
}

func scanIDs(rows *sql.Rows, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []any
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
