package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/expanse-go/session/internal/sqltable"
)

// A SchemaError reports that the table is missing or differs from the one that the
// store needs.
type SchemaError struct {
	Table    string   // with its schema, if it has one
	Problems []string // sorted; empty if the table is missing
}

// Error names the table, what is wrong with it, and the command that creates it.
func (e *SchemaError) Error() string {
	const command = "beam make session-table && beam db migrate"
	if len(e.Problems) == 0 {
		return fmt.Sprintf("session: there is no table %s in the database; create it with: %s", e.Table, command)
	}
	return fmt.Sprintf("session: table %s is not the one that this version needs (%s); drop it or choose another name, then run: %s",
		e.Table, strings.Join(e.Problems, "; "), command)
}

// Check verifies with a few cheap queries that the database can be reached and has the
// table that [Migrations] creates: each column with its type, and the primary key. The
// table may have additional columns with defaults. Check reports differences as a
// [*SchemaError]. Call it before serving: without it, a missing table fails the first
// request.
//
// On SQLite, Check also switches the file to write-ahead logging, and fails if the file
// does not support that.
func (s *Store) Check(ctx context.Context) error {
	found, err := s.tableColumns(ctx)
	if err != nil {
		return fmt.Errorf("session: looking at table %s: %w", s.names, err)
	}
	if len(found) == 0 {
		return &SchemaError{Table: s.names.String()}
	}
	if problems := s.names.Problems(found); len(problems) > 0 {
		return &SchemaError{Table: s.names.String(), Problems: problems}
	}
	if s.names.Dialect.InProcess {
		return s.checkFile(ctx)
	}
	return nil
}

func (s *Store) tableColumns(ctx context.Context) (map[string]sqltable.Column, error) {
	rows, err := s.db.QueryContext(ctx, s.names.Dialect.Columns, s.names.Schema, s.names.Table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]sqltable.Column)
	for rows.Next() {
		var name string
		var c sqltable.Column
		if err := rows.Scan(&name, &c.Type, &c.Key); err != nil {
			return nil, err
		}
		found[strings.ToLower(name)] = c
	}
	return found, rows.Err()
}
