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

// Stat reads the status of up to MaxStat records, whose columns a [StatRow] holds.
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

// A StatRow holds the values that [Statements.Stat] reads of a record.
type StatRow struct {
	ID                         []byte
	Version, Activity, Expires int64
}

// Status returns the status in the row.
func (r *StatRow) Status() (session.Status, error) {
	id, ok := IDOf(r.ID)
	if !ok {
		return session.Status{}, session.ErrCorrupt
	}
	return session.Status{ID: id, Version: uint64(r.Version), LastActivity: instant(r.Activity), ExpiresAt: instant(r.Expires)}, nil
}
