package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strings"

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
	stored, err := s.updateMany(ctx, batch)
	for _, w := range batch {
		switch {
		case err == nil && stored[w.rec.ID]:
			w.result = nil
		case err == nil, refused(err):
			w.result = errAlone
		default:
			w.result = err // nobody knows what is stored
		}
	}
}

// refused is true if the server itself reports that the statement failed, and does
// not end the connection with it (classes 08 and 57P).
func refused(err error) bool {
	state := sqlState(err)
	return state != "" && !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57P")
}

func (s *Store) updateMany(ctx context.Context, batch []*write) (map[session.ID]bool, error) {
	rows := 2
	for rows < len(batch) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, 0, rows*updateColumns)
	for _, w := range batch {
		args = append(args, w.rec.ID[:], int64(w.rec.Version))
		args = append(args, recordArgs(&w.rec)...)
	}
	args = args[:rows*updateColumns] // the rest is NULL, which is no ID
	text := s.text.updates[rows]
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
	ids, err := scanIDs(stmt.QueryContext(ctx, args...))
	for _, id := range ids {
		stored[id] = true
	}
	return stored, err
}

const updateColumns = 9

// updateText finds and locks the rows by ID, and changes them at the places where they
// are. To look for them by ID again took half as long again, measured.
func (n names) updateText(rows int) string {
	const (
		first = "(?::bytea, ?::bigint, ?::text, ?::text, ?::text, ?::bigint, ?::bigint, ?::bigint, ?::bytea)"
		other = ", (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	)
	return n.text("WITH mine AS (SELECT t.ctid AS place, new.* FROM {table} t JOIN (" +
		"VALUES " + first + strings.Repeat(other, rows-1) + ") " +
		"new (id, version, owner, address, user_agent, created_at, last_activity, expires_at, data) " +
		"ON t.id = new.id AND t.version = new.version FOR UPDATE OF t SKIP LOCKED) " +
		"UPDATE {table} t SET version = t.version + 1, owner = mine.owner, address = mine.address, user_agent = mine.user_agent, " +
		"created_at = mine.created_at, last_activity = mine.last_activity, expires_at = mine.expires_at, data = mine.data " +
		"FROM mine WHERE t.ctid = mine.place AND t.id = mine.id RETURNING t.id")
}
