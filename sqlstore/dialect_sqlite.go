package sqlstore

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
)

//go:embed migrations/sqlite.sql
var sqliteMigration string

// sqliteDue finds what pruning has to look at: what has expired, and what has not
// although its hour has come.
const sqliteDue = `SELECT id FROM {table}
	WHERE expires_hour <= ? AND (expires_at < ? OR expires_at / 3600000000000 > expires_hour)
	ORDER BY expires_hour, rowid LIMIT ?`

// sqlitePinned are expressions, which have no declared type, with names of one letter:
// modernc.org/sqlite makes a string of both for each column of each query. Measured,
// that is a microsecond of nine. Only a pin can use them: the option _texttotime makes
// times of such texts, which it notices.
const sqlitePinned = "+version v, +owner o, +address a, +user_agent u, +created_at c, +last_activity l, +expires_at e, +data d"

var sqlite = dialect{
	quote:         `"`,
	greatest:      "max",
	ifAbsent:      " ON CONFLICT (id) DO NOTHING",
	transient:     sqliteBusy,
	tries:         200, // about ten seconds, if the context does not end earlier
	prune:         `DELETE FROM {table} WHERE expires_at < ? AND id IN (` + sqliteDue + `)`,
	postpone:      `UPDATE {table} SET expires_hour = expires_at / 3600000000000 WHERE expires_at >= ? AND id IN (` + sqliteDue + `)`,
	together:      inTransaction,
	inProcess:     true,
	pinned:        sqlitePinned,
	migration:     sqliteMigration,
	indexInSchema: true,
	columns:       `SELECT name, lower(type), pk = 1 FROM pragma_table_xinfo(?2, coalesce(nullif(?1, ''), 'main'))`,
	check:         checkSQLite,
}

// sqliteBusy is true for SQLITE_BUSY (5) and SQLITE_LOCKED (6), whatever their
// extended code: another connection holds the lock, and the statement did nothing.
//
// Some drivers give the code by a method, such as modernc.org/sqlite. Others have it
// in a field (mattn/go-sqlite3), which cannot be read without importing them; but
// the text is SQLite's own, and has been the same since 2004.
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

// checkSQLite switches the file to write-ahead logging, in which readers and the
// writer do not wait for each other. The mode is a property of the file and stays.
func checkSQLite(ctx context.Context, s *Store) error {
	schema := s.names.schema
	if schema == "" {
		schema = "main"
	}
	var file, mode string
	row := s.db.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = ?", schema)
	if err := row.Scan(&file); err != nil {
		return fmt.Errorf("session: database %q is not attached: %w", schema, err)
	}
	if file == "" {
		if s.db.Stats().MaxOpenConnections != 1 {
			return errors.New("session: an in-memory SQLite database belongs to one connection; call SetMaxOpenConns(1) on it")
		}
		return nil
	}
	err := s.retry(ctx, func() error {
		pragma := "PRAGMA " + s.names.quoted(schema) + ".journal_mode"
		if err := s.db.QueryRowContext(ctx, pragma).Scan(&mode); err != nil || mode == "wal" {
			return err
		}
		return s.db.QueryRowContext(ctx, pragma+" = WAL").Scan(&mode)
	})
	if err != nil {
		return fmt.Errorf("session: switching SQLite to write-ahead logging: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("session: SQLite keeps journal mode %q for %s instead of WAL; use a local, writable disk", mode, file)
	}
	return nil
}
