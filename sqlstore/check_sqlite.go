package sqlstore

import (
	"context"
	"errors"
	"fmt"
)

// checkFile switches the file to write-ahead logging, in which readers and the writer
// do not wait for each other. The mode is a lasting property of the file.
func (s *Store) checkFile(ctx context.Context) error {
	schema := s.names.Schema
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
	err := s.names.Dialect.Retry(ctx, func() error {
		pragma := "PRAGMA " + s.names.Quoted(schema) + ".journal_mode"
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
