package sqltable

import (
	"strings"

	"github.com/expanse-go/session"
)

// MariaDB has no UPDATE that returns the rows that it found, but an INSERT that does.
// The statement reads the rows by ID and version and locks them, "inserts" them, finds
// that they exist, updates them in place, and returns their IDs. It never adds a row,
// because everything that it inserts exists and is locked.
//
// MySQL has no RETURNING, so each writer sends its own statement, and the server syncs
// its log for many at once. MariaDB does that too, but there most of the cost of a
// write is the statement, not the log: measured with 16 writers, a shared statement
// takes two thirds of the time.
//
// With statement-based replication, SKIP LOCKED could skip other rows on the replica,
// so there too each writer sends its own statement.
const mariaManyHere = "SELECT VERSION() LIKE '%MariaDB%' AND @@binlog_format <> 'STATEMENT'"

// mariaUpdateMany sets each row to the values at its place in the arguments.
//
// It inserts the row's own values, so that constraints that the application added to
// the table don't fail; only data, which is long, has a placeholder. Assigning the ID
// changes nothing in itself. But the row may match another row by a unique index that
// the server checks before the primary key (MariaDB's long unique indexes). Assigning
// the ID then makes the statement fail as a duplicate, and every write runs alone. The
// place is not a column of the table, because a trigger could change it.
//
// Without FORCE INDEX, the server scans a small table instead, and locks all of it.
func mariaUpdateMany(n Names, rows int) string {
	list := "?" + strings.Repeat(", ?", rows-1)
	set := ""
	for _, column := range []string{"owner", "address", "user_agent", "created_at", "last_activity", "expires_at", "data"} {
		set += ", " + column + " = ELT(mine.place, " + list + ")"
	}
	const columns = "id, version, owner, address, user_agent, created_at, last_activity, expires_at"
	return n.text("INSERT INTO {table} (" + columns + ", data) " +
		"SELECT " + columns + ", '{' FROM (SELECT " + columns + ", FIELD(id, " + list + ") AS place FROM {table} FORCE INDEX (PRIMARY) " +
		"WHERE (id = ? AND version = ?)" + strings.Repeat(" OR (id = ? AND version = ?)", rows-1) + " FOR UPDATE SKIP LOCKED) mine " +
		"ON DUPLICATE KEY UPDATE id = mine.id, version = mine.version + 1" + set + " RETURNING id")
}

func mariaManyArgs(batch []*session.Record, rows int) []any {
	const before, columns = 3, 7 // the ID twice and the version; the values of recordArgs
	args := make([]any, rows*(before+columns))
	for i, r := range batch {
		args[i] = r.ID[:]
		args[rows+2*i], args[rows+2*i+1] = r.ID[:], int64(r.Version)
		for column, value := range recordArgs(r) {
			args[(before+column)*rows+i] = value
		}
	}
	return args
}
