package sqlstore

import "strings"

// MariaDB has no UPDATE that tells which rows it found, but an INSERT that does: it
// reads the rows by ID and version and locks them, "inserts" them, finds that they are
// there, updates them in place, and returns their IDs. It never makes a row, because
// what it inserts is locked and there.
//
// MySQL has no RETURNING: there each writes by itself, and the server syncs its log for
// many at once. So does MariaDB, but most of what a write costs there is the statement
// and not the log: together, 16 writers take two thirds of the time, measured.
//
// Where changes are replicated as statements, SKIP LOCKED could do something else on the
// replica, so each writes by itself there, too.
const mariaManyHere = "SELECT VERSION() LIKE '%MariaDB%' AND @@binlog_format <> 'STATEMENT'"

// mariaUpdateMany changes each row to the values at its place among the arguments.
//
// What is inserted are the row's own values, so that rules of the table which the
// application may have added have nothing to say; only data is made up, which is long.
// Assigning the ID changes nothing, but a unique index that the server looks at before
// the primary key (MariaDB's long ones) may lead to somebody else's row: then the
// statement fails as a duplicate, and everybody writes alone. The place is no column of
// the table, where a trigger could change it.
//
// Without FORCE INDEX, the server scans a small table instead, and locks all of it.
func mariaUpdateMany(n names, rows int) string {
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

func mariaManyArgs(batch []*write, rows int) []any {
	const before, columns = 3, 7 // the ID twice and the version; what recordArgs gives
	args := make([]any, rows*(before+columns))
	for i, w := range batch {
		args[i] = w.rec.ID[:]
		args[rows+2*i], args[rows+2*i+1] = w.rec.ID[:], int64(w.rec.Version)
		for column, value := range recordArgs(&w.rec) {
			args[(before+column)*rows+i] = value
		}
	}
	return args
}
