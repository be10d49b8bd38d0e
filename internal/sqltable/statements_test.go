package sqltable

import (
	"slices"
	"strings"
	"testing"
)

var dialects = map[string]*Dialect{"sqlite": SQLite, "postgres": PostgreSQL, "mysql": MySQL}

// The columns that Check requires, and those that the statements name, are the columns
// of the migration.
func TestColumns(t *testing.T) {
	want := append([]string{"id", "expires_hour"}, strings.Split(RecordColumns, ", ")...)
	slices.Sort(want)
	for name, d := range dialects {
		n, err := NewNames(d, "", "")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, problem := range n.Problems(nil) {
			column, _ := strings.CutPrefix(problem, "no column ")
			got = append(got, column)
			if !slices.Contains(strings.Split(RecordColumns+", id, expires_hour", ", "), column) {
				t.Errorf("%s: got problem %q", name, problem)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got columns %q, want %q", name, got, want)
		}
	}
}

func TestParametersAreNumbered(t *testing.T) {
	n, err := NewNames(PostgreSQL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	const want = `UPDATE "sessions" SET last_activity = greatest(last_activity, $1), expires_at = greatest(expires_at, $2) ` +
		`WHERE id = $3 AND (last_activity < $4 OR expires_at < $5)`
	if got := NewStatements(n).touch; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text := postgresUpdateMany(n, 3); !strings.Contains(text, "$27)") || strings.ContainsAny(text, "?{}") {
		t.Errorf("three rows of nine parameters: %s", text)
	}
}
