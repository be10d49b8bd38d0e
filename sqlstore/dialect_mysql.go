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
	lacks:      func(err error) bool { return mysqlNumber(err) == 1193 }, // no such variable
	refused:    mysqlRefused,
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

// mysqlRefused is false for what ends the connection: shutdown (1053), lost packets (1158
// to 1161), and a kill (1927); for a commit that failed (1180); and for numbers that are
// not a server's, but a client's (2000 to 2999) or a proxy's own.
func mysqlRefused(err error) bool {
	switch n := mysqlNumber(err); n {
	case 1053, 1158, 1159, 1160, 1161, 1180, 1927:
		return false
	default:
		return 1000 <= n && n < 2000 || 3000 <= n && n < 5000
	}
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
