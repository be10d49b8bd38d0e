package sqltable

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/expanse-go/session"
)

// An Ask runs a statement, and calls row for each row of its answer.
type Ask func(ctx context.Context, st Statement, row func(scan func(dest ...any) error) error) error

// A Report is what [Names.Examine] found wrong with a table and the way to it.
type Report struct {
	Refused  []string // settings that would lose sessions without an error
	Missing  bool     // there is no table
	Problems []string // with its columns; sorted
	Denied   []string // privileges that the role lacks
}

// Examine looks at the settings, then at the columns of the table, and then at the
// privileges. It stops where it finds something.
func (n Names) Examine(ctx context.Context, text *Statements, ask Ask) (r Report, err error) {
	r.Refused, _, err = n.Settings(ctx, ask)
	if err != nil || len(r.Refused) > 0 {
		return r, err
	}
	columns, err := n.columns(ctx, ask)
	if err != nil {
		return r, fmt.Errorf("session: cannot examine the table %s: %w", n, err)
	}
	if r.Missing = len(columns) == 0; !r.Missing {
		if r.Problems = n.Problems(columns); len(r.Problems) > 0 {
			return r, nil
		}
	}
	r.Denied, err = n.denied(ctx, text, ask)
	switch {
	case r.Missing && len(r.Denied) > 0: // MySQL hides it then
		r.Missing = false
	case r.Missing:
		err = nil
	}
	return r, err
}

// Err says what is wrong, if it is something else than the table.
func (r Report) Err(n Names) error {
	switch {
	case len(r.Refused) > 0:
		return Unfit(n, r.Refused)
	case len(r.Denied) > 0:
		return fmt.Errorf("session: the role may not %s in table %s; it needs: GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO the role",
			strings.Join(r.Denied, ", "), n, n)
	}
	return nil
}

// Unfit is the error for settings that are refused.
func Unfit(n Names, refused []string) error {
	return fmt.Errorf("session: the connection to table %s has settings that are not suitable for sessions: %s", n, strings.Join(refused, "; "))
}

func (n Names) columns(ctx context.Context, ask Ask) (map[string]Column, error) {
	found := make(map[string]Column)
	err := ask(ctx, Statement{n.Dialect.Columns, []any{n.Schema, n.Table}}, func(scan func(...any) error) error {
		var name string
		var c Column
		err := scan(&name, &c.Type, &c.Key, &c.Collation)
		found[strings.ToLower(name)] = c
		return err
	})
	return found, err
}

// Settings compares the settings of a connection with what the store needs.
func (n Names) Settings(ctx context.Context, ask Ask) (refused, weak []string, err error) {
	settings := make(map[string]string)
	err = ask(ctx, Statement{Text: n.Dialect.Settings}, func(scan func(...any) error) error {
		var name, value string
		err := scan(&name, &value)
		settings[strings.ToLower(name)] = value
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("session: cannot read the settings of the connection to table %s: %w", n, err)
	}
	refused, weak = n.Dialect.judge(settings)
	return refused, weak, nil
}

// denied returns the privileges that the role lacks.
func (n Names) denied(ctx context.Context, text *Statements, ask Ask) (denied []string, err error) {
	var id session.ID
	rand.Read(id[:])
	for _, a := range text.Attempts(id) {
		err := ask(ctx, a.Statement, func(func(...any) error) error { return nil })
		switch {
		case err == nil:
		case n.Dialect.Denied != nil && n.Dialect.Denied(err):
			denied = append(denied, a.Privilege)
		case n.Dialect.InProcess && n.Dialect.Transient(err):
			return denied, nil // somebody else writes, and so the file can be written
		case n.Dialect.FaultOf(err) == ReadOnly:
			return nil, fmt.Errorf("session: the connection to table %s is read-only, or leads to a replica; connect to the server that accepts writes: %w", n, err)
		default:
			return nil, fmt.Errorf("session: cannot test whether the role may %s in table %s: %w", a.Privilege, n, err)
		}
	}
	return denied, nil
}
