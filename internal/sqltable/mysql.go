package sqltable

import (
	_ "embed"
	"errors"
	"strconv"
	"strings"
)

//go:embed migrations/mysql.sql
var mysqlMigration string

// MySQL is the dialect of MySQL 8.0.1 and later and of MariaDB 10.6 and later.
//
// The row count of an UPDATE is that of the rows changed or of the rows found,
// depending on the connection (clientFoundRows). An update of a record changes its
// version, so both counts are the same; nobody reads the count of a touch.
//
// Only MariaDB updates several records in one statement (see mariadb.go).
var MySQL = &Dialect{
	quote:      "`",
	greatest:   "greatest",
	Duplicate:  func(err error) bool { return mysqlNumber(err) == 1062 },
	Transient:  mysqlTransient,
	readOnly:   mysqlReadOnly,
	ending:     mysqlEnding,
	Denied:     func(err error) bool { n := mysqlNumber(err); return n == 1142 || n == 1143 },
	Settings:   mysqlSettings,
	demands:    mysqlDemands,
	Silent:     true,
	Exhausted:  func(err error) bool { return mysqlNumber(err) == 1461 },
	parameter:  mysqlParameter,
	literals:   mysqlLiterals,
	padded:     true,
	exact:      []string{"utf8mb4_bin", "utf8mb4_nopad_bin", "utf8mb4_0900_bin"},
	Tries:      8,
	UpdateMany: true,
	updateMany: mariaUpdateMany,
	manyArgs:   mariaManyArgs,
	ManyHere:   mariaManyHere,
	Lacks:      func(err error) bool { return mysqlNumber(err) == 1193 }, // no such variable
	Refused:    mysqlRefused,
	expired: `SELECT id FROM {table} WHERE expires_hour <= ? AND expires_at < ?
		ORDER BY expires_hour LIMIT ? FOR UPDATE SKIP LOCKED`,
	migration: mysqlMigration,
	Columns: `SELECT column_name, column_type, column_key = 'PRI', coalesce(collation_name, '') FROM information_schema.columns
		WHERE table_schema = coalesce(nullif(?, ''), database()) AND table_name = ?`,
}

// mysqlTransient reports whether err is a deadlock (1213), a lock wait timeout (1205),
// or MariaDB's "record has changed since last read" (1020). After the last one, the
// next try finds the newer version and reports the conflict.
func mysqlTransient(err error) bool {
	switch mysqlNumber(err) {
	case 1020, 1205, 1213:
		return true
	}
	return false
}

// mysqlRefused returns false for errors that end the connection: a shutdown (1053), lost
// packets (1158 to 1161) and a kill (1927); for a commit that failed (1180); and for
// numbers that come from a client (2000 to 2999) or a proxy instead of the server.
func mysqlRefused(err error) bool {
	switch n := mysqlNumber(err); n {
	case 1053, 1158, 1159, 1160, 1161, 1180, 1927:
		return false
	default:
		return 1000 <= n && n < 2000 || 3000 <= n && n < 5000
	}
}

// mysqlNumber returns the server's error number, or 0 if err is not from the server.
// go-sql-driver/mysql has the number in a field, which can't be read without importing
// the driver, and at the start of the error text: "Error 1062 (23000): Duplicate
// entry".
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
