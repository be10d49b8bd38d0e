package sqlstore

import (
	"context"
	"errors"
	"strings"

	"github.com/expanse-go/session"
)

// loadMany reads the records of several IDs by one SELECT. Those that are absent are
// not found.
func (s *Store) loadMany(ctx context.Context, ids []session.ID, found func(session.Record)) error {
	rows := 1
	for rows < len(ids) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, rows) // the rest is NULL, which is no ID
	for i := range ids {
		args[i] = ids[i][:]
	}
	text := s.text.loadMany[rows]
	err := s.queryDirect(ctx, text, args, func(raw [][]byte) error {
		id, ok := idOf(raw[0])
		if !ok {
			return nil
		}
		rec, err := recordOf(id, raw[1:])
		if err == nil {
			found(rec)
		}
		return err
	})
	if !errors.Is(err, errIndirect) {
		return err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return err
	}
	if ctx, err = s.calmed(ctx, args); err != nil {
		return err
	}
	result, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer result.Close()
	for result.Next() {
		var r row
		if err := result.Scan(r.destWithID()...); err != nil {
			return err
		}
		if id, ok := idOf(r.id); ok {
			found(r.record(id))
		}
	}
	return result.Err()
}

// idOf fails for what is not one of ours.
func idOf(b []byte) (id session.ID, ok bool) {
	if len(b) != len(id) {
		return id, false
	}
	return session.ID(b), true
}

// loadTexts returns the statement for each number of rows that loadMany uses.
func (n names) loadTexts() map[int]string {
	texts := make(map[int]string)
	for rows := 1; rows <= maxReads; rows *= 2 {
		texts[rows] = n.text("SELECT id, " + recordColumns + " FROM {table} WHERE id IN (?" + strings.Repeat(", ?", rows-1) + ")")
	}
	return texts
}
