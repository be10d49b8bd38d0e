package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/pressly/goose/v3"
)

// Print writes the statements that Up would run on an empty database, without using one. It
// lets goose run the files on a driver that only records statements, so that the output is
// exactly what would run.
func Print(ctx context.Context, w io.Writer, d Dialect, dir string) error {
	rec := &recorder{}
	db := sql.OpenDB(rec)
	defer db.Close()
	provider, err := without(db, d, dir)
	if err != nil {
		return err
	}
	for i, source := range provider.ListSources() {
		rec.statements = nil
		if _, err := provider.ApplyVersion(ctx, source.Version, true); err != nil {
			return fmt.Errorf("%s: %w", source.Path, err)
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "-- %s\n", source.Path)
		for _, s := range rec.statements {
			fmt.Fprintf(w, "%s;\n", strings.TrimRight(strings.TrimSpace(s), ";"))
		}
	}
	return nil
}

// Pending returns the status of all migrations of the folder for a database that does not
// exist yet.
func Pending(d Dialect, dir string) ([]Status, error) {
	db := sql.OpenDB(&recorder{})
	defer db.Close()
	provider, err := without(db, d, dir)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, source := range provider.ListSources() {
		all = append(all, Status{File: path.Base(source.Path)})
	}
	return all, nil
}

// without returns a provider for the migrations of the folder that keeps no record of them.
func without(db *sql.DB, d Dialect, dir string) (*goose.Provider, error) {
	fsys, err := folder(dir)
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(d, db, fsys, goose.WithDisableVersioning(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, none(err, dir)
	}
	return provider, nil
}

// A recorder is a driver that records statements.
type recorder struct {
	statements []string
}

var (
	_ driver.Connector     = (*recorder)(nil)
	_ driver.ExecerContext = (*recorder)(nil)
)

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return r, nil }
func (r *recorder) Driver() driver.Driver                        { return r }
func (r *recorder) Open(string) (driver.Conn, error)             { return r, nil }
func (r *recorder) Close() error                                 { return nil }
func (r *recorder) Begin() (driver.Tx, error)                    { return r, nil }
func (r *recorder) Commit() error                                { return nil }
func (r *recorder) Rollback() error                              { return nil }

func (r *recorder) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("the recorder cannot prepare statements")
}

func (r *recorder) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	r.statements = append(r.statements, query)
	return driver.RowsAffected(0), nil
}
