package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// A Table names the table that records which migrations have run. Schema may be "".
type Table struct{ Schema, Name string }

// history is that table. goose's own, goose_db_version, may belong to an application that
// runs other migrations with goose: each would then find versions that it does not know.
//
// A row is the migration of this folder if it has the same version, and the same file name
// or content. So the migrations of two projects may have the same version, and a file may be
// renamed.
type history struct {
	dialect Dialect
	names   sqltable.Names
	files   map[int64]source // of the folder, by version

	mixed []int64 // versions that were taken over, and are still in goose's own table
}

// A source is a file of the folder.
type source struct{ file, checksum string }

// A row is a migration that has run.
type row struct {
	version        int64
	file, checksum string
	applied        time.Time
}

var tables = map[Dialect]*sqltable.Dialect{SQLite: sqltable.SQLite, Postgres: sqltable.PostgreSQL, MySQL: sqltable.MySQL}

// newHistory checks the names. Its errors are [*session.ConfigError] values, whose fields are
// Schema and Table.
func newHistory(d Dialect, t Table) (*history, error) {
	if tables[d] == nil {
		return nil, fmt.Errorf("cannot migrate a database with the dialect %q", d)
	}
	names, err := sqltable.NewNames(tables[d], t.Schema, t.Name)
	if names.Table == goose.DefaultTablename {
		err = &session.ConfigError{Field: "Table", Value: t.Name, Reason: "this table belongs to goose, which uses other columns; choose another name"}
	}
	return &history{dialect: d, names: names}, err
}

// read notes the files of the folder.
func (h *history) read(fsys fs.FS, sources []*goose.Source) error {
	h.files = map[int64]source{}
	for _, s := range sources {
		text, err := fs.ReadFile(fsys, s.Path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(text)
		h.files[s.Version] = source{path.Base(s.Path), hex.EncodeToString(sum[:])}
	}
	return nil
}

// here reports whether r is a migration of the folder.
func (h *history) here(r row) bool {
	s, ok := h.files[r.version]
	return ok && (r.file == s.file || r.checksum == s.checksum)
}

// text fills in the table and the parameters of a statement.
func (h *history) text(s string) string {
	s = strings.ReplaceAll(s, "{table}", h.names.Full())
	if h.dialect != Postgres {
		return s
	}
	for i := 1; strings.Contains(s, "?"); i++ {
		s = strings.Replace(s, "?", "$"+strconv.Itoa(i), 1)
	}
	return s
}

var _ database.StoreExtender = (*history)(nil)

// Tablename implements [database.Store], like the other exported methods.
func (h *history) Tablename() string { return h.names.String() }

// TableExists requires the row of version 0, which goose inserts last: MySQL commits each
// statement that creates a table, so that a crash may leave a table that is not complete.
func (h *history) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	exists, err := h.exists(ctx, db, h.names)
	if err != nil || !exists {
		return false, err
	}
	var n int
	err = db.QueryRowContext(ctx, h.text("SELECT count(*) FROM {table} WHERE version = 0")).Scan(&n)
	return n > 0, err
}

// exists reports whether a table exists.
func (h *history) exists(ctx context.Context, db database.DBTxConn, n sqltable.Names) (exists bool, err error) {
	switch h.dialect {
	case Postgres:
		err = db.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL", n.Full()).Scan(&exists)
	case MySQL:
		err = db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ?",
			n.Schema, n.Table).Scan(&exists)
	default:
		schema := "main"
		if n.Schema != "" {
			schema = n.Schema
		}
		err = db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM "+n.Quoted(schema)+".sqlite_master WHERE type = 'table' AND lower(name) = lower(?)", n.Table).Scan(&exists)
	}
	return exists, err
}

// CreateVersionTable also takes over what goose's own table holds.
func (h *history) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, h.text("CREATE TABLE IF NOT EXISTS {table} (version BIGINT NOT NULL, checksum VARCHAR(64) NOT NULL, "+
		"file VARCHAR(255) NOT NULL, applied_at BIGINT NOT NULL, PRIMARY KEY (version, checksum))"))
	if err != nil {
		return err
	}
	return h.takeOver(ctx, db)
}

// takeOver copies the rows of the folder from goose's own table, which earlier versions of
// this program used. It drops that table if it holds nothing else.
func (h *history) takeOver(ctx context.Context, db database.DBTxConn) error {
	old, err := h.old(ctx, db)
	if err != nil {
		return err
	}
	done, err := h.rows(ctx, db)
	if err != nil {
		return err
	}
	others := false
	for _, r := range old {
		switch {
		case h.files[r.version].file == "":
			others = true
			continue
		case !slices.ContainsFunc(done, func(d row) bool { return d.version == r.version }):
			if err := h.insert(ctx, db, r.version, r.applied); err != nil {
				return err
			}
		}
		h.mixed = append(h.mixed, r.version)
	}
	if len(h.mixed) == 0 || others {
		return nil
	}
	h.mixed = nil
	_, err = db.ExecContext(ctx, "DROP TABLE "+h.oldNames().Full())
	return err
}

func (h *history) oldNames() sqltable.Names {
	return sqltable.Names{Dialect: h.names.Dialect, Table: goose.DefaultTablename}
}

// oldRows reads goose's own table. The time is in the time zone of the database session,
// which only the database can convert.
var oldRows = map[Dialect]string{
	SQLite:   "SELECT version_id, is_applied, CAST(strftime('%s', tstamp) AS INTEGER) FROM goose_db_version ORDER BY id",
	Postgres: "SELECT version_id, is_applied, CAST(extract(epoch FROM CAST(tstamp AS timestamptz)) AS bigint) FROM goose_db_version ORDER BY id",
	MySQL:    "SELECT version_id, is_applied, CAST(UNIX_TIMESTAMP(tstamp) AS SIGNED) FROM goose_db_version ORDER BY id",
}

// old returns the migrations in goose's own table, in the order in which they ran.
func (h *history) old(ctx context.Context, db database.DBTxConn) (all []row, err error) {
	if exists, err := h.exists(ctx, db, h.oldNames()); err != nil || !exists {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, oldRows[h.dialect])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var applied bool
		var seconds int64
		if err := rows.Scan(&r.version, &applied, &seconds); err != nil {
			return nil, err
		}
		// A rollback by an old goose left the row, and added one that says so.
		all = slices.DeleteFunc(all, func(earlier row) bool { return earlier.version == r.version })
		if applied && r.version != 0 {
			r.file, r.applied = h.files[r.version].file, time.Unix(seconds, 0).UTC()
			all = append(all, r)
		}
	}
	return all, rows.Err()
}

// rows returns the whole table, the latest migration first.
func (h *history) rows(ctx context.Context, db database.DBTxConn) (all []row, err error) {
	rows, err := db.QueryContext(ctx, h.text("SELECT version, file, checksum, applied_at FROM {table} WHERE version > 0 ORDER BY applied_at DESC, version DESC"))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var nanos int64
		if err := rows.Scan(&r.version, &r.file, &r.checksum, &nanos); err != nil {
			return nil, err
		}
		r.applied = time.Unix(0, nanos).UTC()
		all = append(all, r)
	}
	return all, rows.Err()
}

// applied returns the rows of the folder, without changing anything: if the table does not
// exist yet, it returns what takeOver would copy.
func (h *history) applied(ctx context.Context, db database.DBTxConn) ([]row, error) {
	exists, err := h.TableExists(ctx, db)
	if err != nil {
		return nil, err
	}
	read := h.rows
	if !exists {
		read = h.old
	}
	all, err := read(ctx, db)
	return slices.DeleteFunc(all, func(r row) bool { return !h.here(r) }), err
}

// Insert implements [database.Store].
func (h *history) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	return h.insert(ctx, db, r.Version, time.Now())
}

func (h *history) insert(ctx context.Context, db database.DBTxConn, version int64, applied time.Time) error {
	s := h.files[version]
	_, err := db.ExecContext(ctx, h.text("INSERT INTO {table} (version, checksum, file, applied_at) VALUES (?, ?, ?, ?)"),
		version, s.checksum, s.file, applied.UnixNano())
	return err
}

// Delete deletes the row of the folder only.
func (h *history) Delete(ctx context.Context, db database.DBTxConn, version int64) error {
	s := h.files[version]
	_, err := db.ExecContext(ctx, h.text("DELETE FROM {table} WHERE version = ? AND (checksum = ? OR file = ?)"), version, s.checksum, s.file)
	return err
}

// GetMigration implements [database.Store].
func (h *history) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	all, err := h.rows(ctx, db)
	for _, r := range all {
		if r.version == version && h.here(r) {
			return &database.GetMigrationResult{Timestamp: r.applied, IsApplied: true}, nil
		}
	}
	return nil, errors.Join(err, database.ErrVersionNotFound)
}

// GetLatestVersion implements [database.Store].
func (h *history) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	all, err := h.ListMigrations(ctx, db)
	latest := int64(0)
	for _, m := range all {
		latest = max(latest, m.Version)
	}
	return latest, err
}

// ListMigrations returns the migrations of the folder.
func (h *history) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	all, err := h.rows(ctx, db)
	var out []*database.ListMigrationsResult
	for _, r := range all {
		if h.here(r) {
			out = append(out, &database.ListMigrationsResult{Version: r.version, IsApplied: true})
		}
	}
	return append(out, &database.ListMigrationsResult{IsApplied: true}), err
}
