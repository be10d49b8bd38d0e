package sqlstore

import (
	_ "embed"
	"errors"
	"strings"
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
	together:   inStatement,
	updateMany: postgresUpdateMany,
	manyArgs: func(batch []*write, rows int) []any {
		const columns = 9
		args := make([]any, 0, rows*columns)
		for _, w := range batch {
			args = append(args, w.rec.ID[:], int64(w.rec.Version))
			args = append(args, recordArgs(&w.rec)...)
		}
		return args[:rows*columns]
	},
	refused: func(err error) bool {
		state := sqlState(err) // the classes 08 and 57P end the connection
		return state != "" && !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57P")
	},
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

// postgresUpdateMany finds and locks the rows by ID, and changes them at the places
// where they are. To look for them by ID again took half as long again, measured.
func postgresUpdateMany(n names, rows int) string {
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
