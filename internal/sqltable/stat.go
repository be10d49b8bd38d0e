package sqltable

import (
	"encoding/hex"
	"strings"

	"github.com/expanse-go/session"
)

// MaxStat is how many records one statement tells the status of: SQLite takes 32,766
// parameters, and MySQL 65,535.
const MaxStat = 1 << 14

const statColumns = "SELECT id, version, last_activity, expires_at FROM {table} WHERE id IN "

// Stat reads the status of up to MaxStat records, for [AppendStatus].
func (s *Statements) Stat(ids []session.ID) Statement {
	if s.n.Dialect.idList != "" {
		text := make([]byte, 0, len(ids)*(2*len(session.ID{})+1))
		for i, id := range ids {
			if i > 0 {
				text = append(text, ',')
			}
			text = hex.AppendEncode(text, id[:])
		}
		return Statement{s.n.text(statColumns + s.n.Dialect.idList), []any{string(text)}}
	}
	rows := 1
	for rows < len(ids) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, rows) // the rest is NULL, which is not an ID
	for i := range ids {
		args[i] = ids[i][:]
	}
	return Statement{s.n.text(statColumns + "(?" + strings.Repeat(", ?", rows-1) + ")"), args}
}

// Rows are the rows of an answer, as database/sql and pgx return them.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
}

// AppendStatus appends the status in each row that [Statements.Stat] reads.
func AppendStatus(all []session.Status, rows Rows) ([]session.Status, error) {
	for rows.Next() {
		var key []byte
		var version, activity, expires int64
		if err := rows.Scan(&key, &version, &activity, &expires); err != nil {
			return nil, err
		}
		id, ok := IDOf(key)
		if !ok {
			return nil, session.ErrCorrupt
		}
		all = append(all, session.Status{ID: id, Version: uint64(version), LastActivity: instant(activity), ExpiresAt: instant(expires)})
	}
	return all, rows.Err()
}
