package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// A database is an open connection and its migrations.
type database struct {
	*migrate.Runner

	db     *sql.DB
	config *sessionconfig.Config
	conn   sessionconfig.Connection
	dir    string
}

// steps returns the files in dir that create the configured table. It compares both file
// names and table names, because the same file name may stand for a table in another
// schema.
func (a *app) steps(d *database) ([]string, error) {
	wanted, err := sqlstore.Migrations(d.conn.Dialect, d.config.Table())
	if err != nil {
		return nil, err
	}
	var files []string
	for _, step := range wanted {
		name, err := a.migrationOf(d.dir, step)
		if err != nil {
			return nil, err
		}
		if name != "" {
			files = append(files, filepath.Base(name))
		}
	}
	return files, nil
}

// checkTable checks that the migrations have created the table of the database store, if
// that store is configured. If the table is missing or outdated although its migration has
// run, checkTable returns an error with a remedy, because the migration would not run again
// by itself.
func (a *app) checkTable(ctx context.Context, d *database) error {
	if d.config.StoreName() != "database" {
		return nil
	}
	wrong, err := d.wrongTable(ctx)
	if err != nil || wrong == nil {
		return err
	}
	if wrong.Foreign() {
		return a.othersTable(ctx, d, nil)
	}
	files, err := a.steps(d)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		a.warn("the store needs the table %s, but no file in %s creates it; run: beam make session-table && beam db migrate",
			wrong.Table, a.shorten(d.dir))
		return nil
	}
	state := "is missing"
	if len(wrong.Problems) > 0 {
		state = "does not have the structure that this version needs"
	}
	remedy, err := d.again(ctx, files)
	if err != nil {
		return err
	}
	return fmt.Errorf("table %s %s, although %s has run; recreate it with: %s", wrong.Table, state, files[len(files)-1], remedy)
}

// wrongTable returns how the configured table differs from the one that the store needs, nil
// if it does not.
func (d *database) wrongTable(ctx context.Context) (*sqlstore.SchemaError, error) {
	store, err := sqlstore.New(d.db, d.conn.Dialect, d.config.Table())
	if err != nil {
		return nil, err
	}
	var wrong *sqlstore.SchemaError
	if err = store.Check(ctx); errors.As(err, &wrong) {
		return wrong, nil
	}
	return nil, err
}

// othersTable returns an error if another program made the configured table: nothing may
// drop that. With files, it returns one only if they are about this table.
func (a *app) othersTable(ctx context.Context, d *database, files []string) error {
	wrong, _ := d.wrongTable(ctx) // a broken connection also makes the command itself fail
	if wrong == nil || !wrong.Foreign() {
		return nil
	}
	steps, err := a.steps(d)
	if err != nil || files != nil && !slices.ContainsFunc(files, func(f string) bool { return slices.Contains(steps, f) }) {
		return err
	}
	return fmt.Errorf("another program has created the table %s, so do not change that table: set stores.database.table (SESSION_STORES__DATABASE__TABLE) to another name, "+
		"delete %s, then run: beam make session-table && beam db migrate", wrong.Table, strings.Join(steps, ", "))
}

// again returns the command that rolls back files and runs them again. The command must not
// roll back any other file.
func (d *database) again(ctx context.Context, files []string) (string, error) {
	last, err := d.Last(ctx, len(files))
	if err != nil && !errors.Is(err, migrate.ErrNoFile) {
		return "", err
	}
	slices.Sort(last)
	slices.Sort(files)
	switch {
	case !slices.Equal(last, files):
		return "beam db rollback --only " + files[len(files)-1] + " && beam db migrate", nil
	case len(files) > 1:
		return fmt.Sprintf("beam db rollback --steps %d && beam db migrate", len(files)), nil
	default:
		return "beam db rollback && beam db migrate", nil
	}
}

// sessions counts the records that rolling back files would remove.
func (a *app) sessions(ctx context.Context, d *database, files []string) (int, error) {
	sum := 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(d.dir, filepath.Base(file)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, cannotRead(a.shorten(filepath.Join(d.dir, file)), err)
		}
		table := createdTable(string(text))
		if table == "" || dialectOf(string(text)) == "" {
			continue // a migration of the application itself
		}
		// A missing table has no sessions. Any other failure occurs again in the
		// rollback itself, which reports it.
		var n int
		if d.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n) == nil {
			sum += n
		}
	}
	return sum, nil
}
