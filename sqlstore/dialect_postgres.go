package sqlstore

import (
	_ "embed"
	"errors"
)

//go:embed migrations/postgres.sql
var postgresMigration string

var postgres = dialect{
	quote:     `"`,
	numbered:  true,
	greatest:  "greatest",
	ifAbsent:  " ON CONFLICT (id) DO NOTHING",
	transient: postgresTransient,
	tries:     8,
	// The array makes the planner run the inner query once; SKIP LOCKED lets several
	// processes prune at once, each its own records.
	prune: `DELETE FROM {table} WHERE id = ANY (ARRAY(
		SELECT id FROM {table} WHERE expires_hour <= ? AND expires_at < ?
		ORDER BY expires_hour LIMIT ? FOR UPDATE SKIP LOCKED))`,
	together:  inStatement,
	migration: postgresMigration,
	columns: `SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(a.attnum = ALL (i.indkey), false)
		FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
		WHERE a.attrelid = to_regclass(concat_ws('.', quote_ident(nullif($1::text, '')), quote_ident($2::text)))
		AND a.attnum > 0 AND NOT a.attisdropped`,
}

// sqlState returns the five characters that PostgreSQL gives to every error, "" if
// err is not from the server. Both pgx and lib/pq have the method.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// postgresTransient is true for serialization failures and deadlocks. The former
// come only if the database's default isolation is above READ COMMITTED.
func postgresTransient(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01"
}
