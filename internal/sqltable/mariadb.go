package sqltable

import (
	"strings"

	"github.com/expanse-go/session"
)

// MariaDB has no UPDATE that tells which rows it found, but an INSERT that does: it
// reads the rows by ID and version and locks them, "inserts" them, finds that they
// exist, updates them in place, and returns their IDs. It never makes a row, because
// everything that it inserts is locked and exists.
//
// MySQL has no RETURNING. There each writer sends its own statement, and the server
// syncs its log for many at once. MariaDB does that too, but most of the cost of a
// write there is the statement and not the log: measured with 16 writers, a shared
// statement takes two thirds of the time.
//
// Where changes are replicated as statements, SKIP LOCKED could skip other rows on the
// replica, so there each writer sends its own statement as well.
const mariaManyHere = "SELECT VERSION() LIKE '%MariaDB%' AND @@binlog_format <> 'STATEMENT'"

// mariaUpdateMany sets each row to the values at its place among the arguments.
//
// It inserts the row's own values, so that constraints which the application added to
// the table have nothing to object to; only data, which is long, is made up. Assigning
// the ID changes nothing, but a unique index that the server checks before the primary
// key (MariaDB's long ones) may match somebody else's row: then the statement fails as
// a duplicate, and every write is sent alone. The place is not a column of the table,
// where a trigger could change it.
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
	const before, columns = 3, 7 // the ID twice and the version; what recordArgs gives
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
