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
//
// Were the table given another unique index, InnoDB would still find the primary key
// first, and so change no other row than the one meant.
const mariaManyHere = "SELECT VERSION() LIKE '%MariaDB%' AND @@GLOBAL.binlog_format <> 'STATEMENT'"

// mariaUpdateMany passes a row's place among the arguments through the column version
// of what would be inserted.
func mariaUpdateMany(n names, rows int) string {
	list := "?" + strings.Repeat(", ?", rows-1)
	set := ""
	for _, column := range []string{"owner", "address", "user_agent", "created_at", "last_activity", "expires_at", "data"} {
		set += ", " + column + " = ELT(VALUES(version), " + list + ")"
	}
	return n.text("INSERT INTO {table} (id, version, owner, address, user_agent, created_at, last_activity, expires_at, data) " +
		"SELECT t.id, FIELD(t.id, " + list + "), '', '', '', 0, 0, 0, '' FROM {table} t " +
		"WHERE (t.id = ? AND t.version = ?)" + strings.Repeat(" OR (t.id = ? AND t.version = ?)", rows-1) + " FOR UPDATE SKIP LOCKED " +
		"ON DUPLICATE KEY UPDATE version = {table}.version + 1" + set + " RETURNING id")
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
