package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// A SchemaError says that the table is not the one that the store asks for.
type SchemaError struct {
	Table    string   // with its schema, if it has one
	Problems []string // sorted; empty if the table is missing
}

// Error names the table, what is wrong with it, and the command that makes it.
func (e *SchemaError) Error() string {
	const command = "beam make session-table && beam db migrate"
	if len(e.Problems) == 0 {
		return fmt.Sprintf("session: there is no table %s in the database; make it by: %s", e.Table, command)
	}
	return fmt.Sprintf("session: table %s is not the one that this version needs (%s); drop it or choose another name, then: %s",
		e.Table, strings.Join(e.Problems, "; "), command)
}

// Check tests, by a few cheap queries, that the database is reachable and has the
// table that [Migrations] makes: each column with its type, and the primary key.
// Further columns do not matter if they have defaults. What differs is reported as a
// [*SchemaError]. Call it before serving: without it, a missing table fails the first
// request.
//
// On SQLite it also switches the file to write-ahead logging, and reports a file on
// which that is impossible.
func (s *Store) Check(ctx context.Context) error {
	found, err := s.tableColumns(ctx)
	if err != nil {
		return fmt.Errorf("session: looking at table %s: %w", s.names, err)
	}
	if len(found) == 0 {
		return &SchemaError{Table: s.names.String()}
	}
	var problems []string
	for _, want := range s.names.columns() {
		got, ok := found[want.name]
		switch {
		case !ok:
			problems = append(problems, "no column "+want.name)
		case got.typ != want.typ:
			problems = append(problems, fmt.Sprintf("%s is %s instead of %s", want.name, got.typ, want.typ))
		case want.name == "id" && !got.key:
			problems = append(problems, "id is not the primary key")
		}
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return &SchemaError{Table: s.names.String(), Problems: problems}
	}
	if check := s.names.dialect.check; check != nil {
		return check(ctx, s)
	}
	return nil
}

type foundColumn struct {
	typ string
	key bool
}

func (s *Store) tableColumns(ctx context.Context) (map[string]foundColumn, error) {
	rows, err := s.db.QueryContext(ctx, s.names.dialect.columns, s.names.schema, s.names.table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]foundColumn)
	for rows.Next() {
		var name string
		var c foundColumn
		if err := rows.Scan(&name, &c.typ, &c.key); err != nil {
			return nil, err
		}
		// MariaDB still shows the width of numbers, which means nothing.
		if strings.HasPrefix(c.typ, "bigint(") {
			c.typ = "bigint"
		}
		found[strings.ToLower(name)] = c
	}
	return found, rows.Err()
}
