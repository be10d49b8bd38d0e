package sqltable

import (
	_ "embed"
	"errors"
	"strings"

	"github.com/expanse-go/session"
)

//go:embed migrations/postgres.sql
var postgresMigration string

// PostgreSQL is the dialect of PostgreSQL 12 and later.
var PostgreSQL = &Dialect{
	quote:     `"`,
	numbered:  true,
	idList:    "(SELECT decode(digits, 'hex') FROM unnest(string_to_array(?, ',')) AS digits)",
	greatest:  "greatest",
	ifAbsent:  " ON CONFLICT (id) DO NOTHING",
	Transient: postgresTransient,
	Tries:     8,
	readOnly:  postgresReadOnly,
	ending:    postgresEnding,
	Denied:    func(err error) bool { return sqlState(err) == "42501" },
	Settings:  postgresSettings,
	demands:   postgresDemands,
	Misnamed:  postgresMisnamed,
	parameter: postgresParameter,
	literals:  postgresLiterals,
	exact:     []string{"C", "POSIX", "ucs_basic"},
	Stale:     postgresStale,
	// The array makes the planner run the inner query once. With SKIP LOCKED, several
	// processes can prune at once, each its own records.
	prune: `DELETE FROM {table} WHERE id = ANY (ARRAY(
		SELECT id FROM {table} WHERE expires_hour <= ? AND expires_at < ?
		ORDER BY expires_hour LIMIT ? FOR UPDATE SKIP LOCKED))`,
	UpdateMany: true,
	updateMany: postgresUpdateMany,
	manyArgs: func(batch []*session.Record, rows int) []any {
		const columns = 9
		args := make([]any, 0, rows*columns)
		for _, r := range batch {
			args = append(args, r.ID[:], int64(r.Version))
			args = append(args, recordArgs(r)...)
		}
		return args[:rows*columns]
	},
	Refused: func(err error) bool {
		return sqlState(err) != "" && !postgresEnding(err)
	},
	migration: postgresMigration,
	Columns: `SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(a.attnum = ALL (i.indkey), false),
		coalesce((SELECT c.collname::text FROM pg_collation c WHERE c.oid = a.attcollation), '')
		FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
		WHERE a.attrelid = to_regclass(concat_ws('.', quote_ident(nullif($1::text, '')), quote_ident($2::text)))
		AND a.attnum > 0 AND NOT a.attisdropped`,
}

// sqlState returns the SQLSTATE of a server error, or "" if err is not from the server.
// Both pgx and lib/pq have the method.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// postgresTransient reports whether err is a serialization failure or a deadlock.
// Serialization failures occur only if the default isolation level of the database is
// above READ COMMITTED.
func postgresTransient(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}

// postgresStale reports whether a prepared statement is out of date: a column changed
// its type (0A000), or somebody deallocated the statement (26000).
func postgresStale(err error) bool {
	state := sqlState(err)
	return state == "0A000" || state == "26000"
}

// postgresMisnamed reports a statement that the server does not know (26000), a name that
// it knows already (42P05), and one that takes other parameters (08P01).
func postgresMisnamed(err error) bool {
	switch sqlState(err) {
	case "26000", "42P05":
		return true
	case "08P01":
		return strings.Contains(err.Error(), "prepared statement")
	}
	return false
}

// postgresUpdateMany finds and locks the rows by ID, and updates them by their ctid.
// Measured, finding them by ID a second time took half as long again.
func postgresUpdateMany(n Names, rows int) string {
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
