package sqltable

import (
	"strings"

	"github.com/expanse-go/session"
)

// deleteOwned is the statement that deletes a number of records of one owner.
func (n Names) deleteOwned(rows int) string {
	owned := "owner = ?"
	if n.Dialect.padded {
		owned += " AND octet_length(owner) = ?"
	}
	return n.text("DELETE FROM {table} WHERE " + owned + " AND id IN (?" + strings.Repeat(", ?", rows-1) + ")")
}

// DeleteOwned deletes those of up to MaxWrites records that belong to an owner.
func (s *Statements) DeleteOwned(owner string, ids []session.ID) Statement {
	args := []any{owner}
	if s.n.Dialect.padded {
		args = append(args, len(owner))
	}
	rows := 1
	for rows < len(ids) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	for i := range rows {
		if i < len(ids) {
			args = append(args, ids[i][:])
		} else {
			args = append(args, nil) // NULL is no ID
		}
	}
	return Statement{s.deletes[rows], args}
}
