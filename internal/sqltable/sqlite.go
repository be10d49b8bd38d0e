package sqltable

import (
	_ "embed"
	"errors"
	"strings"
)

//go:embed migrations/sqlite.sql
var sqliteMigration string

// sqliteDue finds the records that pruning has to examine: those that have expired, and
// those whose hour is too early.
const sqliteDue = `SELECT id FROM {table}
	WHERE expires_hour <= ? AND (expires_at < ? OR expires_at / 3600000000000 > expires_hour)
	ORDER BY expires_hour, rowid LIMIT ?`

// sqlitePinned are expressions, which have no declared type, with names of one letter:
// modernc.org/sqlite allocates a string for both per column and query. Measured, that
// is one microsecond of nine. Only a pin can use them, because it checks whether the
// option _texttotime has turned such texts into times.
const sqlitePinned = "+version v, +owner o, +address a, +user_agent u, +created_at c, +last_activity l, +expires_at e, +data d"

// SQLite is the dialect of SQLite 3.37 and later.
var SQLite = &Dialect{
	quote:         `"`,
	greatest:      "max",
	reserved:      "sqlite_",
	ifAbsent:      " ON CONFLICT (id) DO NOTHING",
	Transient:     sqliteBusy,
	Tries:         200, // about ten seconds, if the context does not end earlier
	prune:         `DELETE FROM {table} WHERE expires_at < ? AND id IN (` + sqliteDue + `)`,
	postpone:      `UPDATE {table} SET expires_hour = expires_at / 3600000000000 WHERE expires_at >= ? AND id IN (` + sqliteDue + `)`,
	InProcess:     true,
	pinned:        sqlitePinned,
	Settings:      sqliteSettings,
	demands:       sqliteDemands,
	migration:     sqliteMigration,
	indexInSchema: true,
	Columns:       `SELECT name, lower(type), pk = 1, '' FROM pragma_table_xinfo(?2, coalesce(nullif(?1, ''), 'main'))`,
}

// sqliteBusy reports whether err is SQLITE_BUSY (5) or SQLITE_LOCKED (6), with any
// extended code: another connection holds the lock, and the statement had no effect.
//
// Some drivers, such as modernc.org/sqlite, have a method for the code. Others, such as
// mattn/go-sqlite3, have it in a field, which can't be read without importing them. But
// the text is SQLite's own and has not changed since 2004.
func sqliteBusy(err error) bool {
	var e interface{ Code() int }
	if errors.As(err, &e) {
		code := e.Code() & 0xff
		return code == 5 || code == 6
	}
	text := err.Error()
	return strings.Contains(text, "database is locked") ||
		strings.Contains(text, "database table is locked") ||
		strings.Contains(text, "database schema is locked")
}
