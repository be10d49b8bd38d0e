package sqlstore

import (
	_ "embed"
	"errors"
	"strconv"
	"strings"
)

//go:embed migrations/mysql.sql
var mysqlMigration string

// MySQL counts an UPDATE's rows as changed or as found, as the connection has it
// (clientFoundRows). An update of a record changes its version, so both mean the
// same there; what a touch counts is never looked at.
//
// Writers commit together on MariaDB only (see group_mariadb.go).
var mysql = dialect{
	quote:      "`",
	greatest:   "greatest",
	duplicate:  func(err error) bool { return mysqlNumber(err) == 1062 },
	transient:  mysqlTransient,
	tries:      8,
	together:   inStatement,
	updateMany: mariaUpdateMany,
	manyArgs:   mariaManyArgs,
	manyHere:   mariaManyHere,
	refused: func(err error) bool {
		n := mysqlNumber(err) // the two end the connection: shutdown, and killed
		return n != 0 && n != 1053 && n != 1927
	},
	expired: `SELECT id FROM {table} WHERE expires_hour <= ? AND expires_at < ?
		ORDER BY expires_hour LIMIT ? FOR UPDATE SKIP LOCKED`,
	migration: mysqlMigration,
	columns: `SELECT column_name, column_type, column_key = 'PRI' FROM information_schema.columns
		WHERE table_schema = coalesce(nullif(?, ''), database()) AND table_name = ?`,
}

// mysqlTransient is true for a deadlock (1213), a wait for a lock that was given up
// (1205), and MariaDB's "record has changed since last read" (1020). After the last,
// the next try finds the newer version and reports the conflict.
func mysqlTransient(err error) bool {
	switch mysqlNumber(err) {
	case 1020, 1205, 1213:
		return true
	}
	return false
}

// mysqlNumber returns the server's error number, 0 if err is not from the server.
// go-sql-driver/mysql has it in a field, which cannot be read without importing the
// driver, and at the beginning of its text: "Error 1062 (23000): Duplicate entry".
func mysqlNumber(err error) int {
	for ; err != nil; err = errors.Unwrap(err) {
		rest, ok := strings.CutPrefix(err.Error(), "Error ")
		if !ok {
			continue
		}
		end := strings.IndexAny(rest, " :")
		if n, err := strconv.Atoi(rest[:max(end, 0)]); err == nil {
			return n
		}
	}
	return 0
}
