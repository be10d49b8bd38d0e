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
	if e.Foreign() {
		return fmt.Sprintf("session: another program has created the table %s (%s); do not change that table; choose another name for the sessions table, then run: %s",
			e.Table, strings.Join(e.Problems, "; "), command)
	}
	return fmt.Sprintf("session: table %s is not the one that this version needs (%s); choose another name, or, to learn how to recreate it, run: %s",
		e.Table, strings.Join(e.Problems, "; "), command)
}

// Foreign reports whether another program seems to have made the table: it lacks several of
// the columns. Do not drop such a table.
func (e *SchemaError) Foreign() bool {
	missing := 0
	for _, p := range e.Problems {
		if strings.HasPrefix(p, "no column ") {
			missing++
		}
	}
	return missing > 2 // no version of the table of sessions lacks more
}

// Check verifies with a few cheap statements that the store can work:
//
//   - The database answers and has the table that [Migrations] creates: each column with
//     its type, the primary key, and a collation that compares owners byte by byte.
//     The table may have additional columns with defaults. Check reports differences
//     as a [*SchemaError].
//   - Neither the server nor the connection has a setting that would lose sessions
//     without an error (see the package documentation).
//   - The role may read and write the table. Check tries that on a session that does not
//     exist.
//
// Call it before serving; otherwise, a missing table makes the first request fail. If Check
// detects a connection pooler that loses prepared statements, the store stops preparing
// statements. With pgx, whose mode the store cannot change, Check fails instead, and the error
// says what to add to the data source name.
//
// On SQLite, Check also switches the file to write-ahead logging, and fails if the file
// does not support that.
func (s *Store) Check(ctx context.Context) error {
	if err := s.checkPooler(ctx); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	r, err := s.names.Examine(ctx, s.text, s.ask)
	switch {
	case err != nil:
		return err
	case r.Missing || len(r.Problems) > 0:
		return &SchemaError{Table: s.names.String(), Problems: r.Problems}
	case r.Err(s.names) != nil:
		return r.Err(s.names)
	}
	s.tested.Store(true)
	if s.names.Dialect.InProcess {
		return s.checkFile(ctx)
	}
	return nil
}

// Warnings returns settings of the server and of the connection that make the store's writes
// less durable, or slower. Each text explains the effect and says what to do. The store works
// with these settings, so a program can still start.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	_, weak, err := s.names.Settings(ctx, s.ask)
	if s.sends() == pooled {
		weak = append(weak, sqltable.Pooled)
	}
	return weak, err
}

// trust examines the settings before the first write, for a program that has not called
// Check, on a server that would otherwise lose what is written without an error.
func (s *Store) trust(ctx context.Context) error {
	if !s.names.Dialect.Silent || s.tested.Load() {
		return nil
	}
	refused, _, err := s.names.Settings(ctx, s.ask)
	switch {
	case err != nil:
		return err
	case len(refused) > 0:
		return sqltable.Unfit(s.names, refused)
	}
	s.tested.Store(true)
	return nil
}

// ask is a [sqltable.Ask]. What it asks is not worth a prepared statement.
func (s *Store) ask(ctx context.Context, st sqltable.Statement, row func(scan func(...any) error) error) error {
	send := func(on sender) error {
		rows, err := on.QueryContext(ctx, st.Args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	switch {
	case s.names.Dialect.InProcess: // another process may have locked the file for a moment
		return s.names.Dialect.Retry(ctx, func() error { return send(direct{s.db, st.Text}) })
	case s.sends() == prepared:
		return send(inline{s.names.Dialect, s.db, st.Text})
	}
	return s.withStmt(ctx, st.Text, send)
}
