package sqlstore

import (
	"context"
	"errors"
	"slices"

	"github.com/expanse-go/session"
)

// otherIDs keeps a batch to one write for each session: a statement changes a row
// only once.
func otherIDs(batch []*write, w *write) bool {
	return !slices.ContainsFunc(batch, func(b *write) bool { return b.rec.ID == w.rec.ID })
}

// writeInStatement updates many records by one statement, which skips those that
// another transaction has locked: a lock that is held for long must not hold up the
// others, and batches of two processes cannot deadlock. Whom it left out, for that
// or another reason, writes alone.
func (s *Store) writeInStatement(ctx context.Context, batch []*write) {
	if !s.hasMany(ctx) {
		for _, w := range batch {
			w.result = errAlone
		}
		return
	}
	stored, err := s.updateMany(ctx, batch)
	for _, w := range batch {
		switch {
		case err == nil && stored[w.rec.ID]:
			w.result = nil
		case err == nil, s.names.dialect.refused(err):
			w.result = errAlone
		default:
			w.result = err // nobody knows what is stored
		}
	}
}

func (s *Store) updateMany(ctx context.Context, batch []*write) (map[session.ID]bool, error) {
	rows := 2
	for rows < len(batch) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args, text := s.names.dialect.manyArgs(batch, rows), s.text.updates[rows]
	stored := make(map[session.ID]bool, len(batch))
	err := s.queryDirect(ctx, text, args, func(raw [][]byte) error {
		if id, ok := idOf(raw[0]); ok {
			stored[id] = true
		}
		return nil
	})
	if !errors.Is(err, errIndirect) {
		return stored, err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	if ctx, err = s.calmed(ctx, args); err != nil {
		return nil, err
	}
	ids, err := scanIDs(stmt.QueryContext(ctx, args...))
	for _, id := range ids {
		stored[id] = true
	}
	return stored, err
}

// hasMany asks the server, at the first batch, whether it has the statement. Where it
// has not, nobody waits for others from then on; without an answer, the next batch asks.
func (s *Store) hasMany(ctx context.Context) bool {
	d := s.names.dialect
	switch {
	case d.manyHere == "" || s.many.Load():
		return true
	case s.apart.Load(): // who is in the queue still leads
		return false
	}
	var here bool
	err := s.db.QueryRowContext(ctx, d.manyHere).Scan(&here)
	switch {
	case err == nil && here:
		s.many.Store(true)
	case err == nil, d.lacks(err):
		s.apart.Store(true)
	}
	return s.many.Load()
}
