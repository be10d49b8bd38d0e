// Package migrate runs the SQL files of a folder with goose. A lock across processes lets
// every replica of an application migrate when it starts.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

// A Dialect is a database that migrations can be run on.
type Dialect = goose.Dialect

// The dialects. MySQL includes MariaDB.
const (
	SQLite   Dialect = goose.DialectSQLite3
	Postgres Dialect = goose.DialectPostgres
	MySQL    Dialect = goose.DialectMySQL
)

// ErrNone is returned if the folder is missing or contains no migrations.
var ErrNone = errors.New("no migrations found")

// ErrNoFile is returned if a migration cannot be rolled back because its file is missing.
var ErrNoFile = errors.New("no file for a migration that has run")

// A Result is one migration that was run.
type Result struct {
	File     string        `json:"file"`
	Duration time.Duration `json:"-"`
}

// A Runner runs the migrations of one folder on one database.
type Runner struct {
	provider *goose.Provider
	history  *history
	db       *sql.DB
}

// New returns a Runner for the migrations in dir. The caller remains responsible for closing
// db.
//
// lockFile is the path of a file that serializes processes that migrate the same SQLite
// database, whose own locks end with the transaction. The file is created if needed and never
// removed. The other dialects lock on the server.
//
// table records the migrations that have run. It is created when it is needed, in a schema
// that must exist.
func New(d Dialect, db *sql.DB, dir, lockFile string, table Table) (*Runner, error) {
	fsys, err := folder(dir)
	if err != nil {
		return nil, err
	}
	options := []goose.ProviderOption{
		goose.WithDisableGlobalRegistry(true),
		// Versions are timestamps, and branches merge in any order, so an older
		// migration may have to run after a newer one.
		goose.WithAllowOutofOrder(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
	}
	h, err := newHistory(d, table)
	if err != nil {
		return nil, err
	}
	options = append(options, goose.WithStore(h))
	locker, err := newLocker(d, lockFile)
	if err != nil {
		return nil, err
	}
	if locker != nil {
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, fsys, options...)
	if err != nil {
		return nil, none(err, dir)
	}
	if err := h.read(fsys, provider.ListSources()); err != nil {
		return nil, err
	}
	return &Runner{provider, h, db}, nil
}

// Table returns the name of the table that records the migrations, for messages.
func (r *Runner) Table() string { return r.history.names.String() }

// Mixed returns the versions of the folder that are still in goose's own table, because Up
// has found other migrations there and left it alone.
func (r *Runner) Mixed() []int64 { return r.history.mixed }

// Up runs the pending migrations, and returns those that succeeded, even if a later one
// failed.
func (r *Runner) Up(ctx context.Context) ([]Result, error) {
	// goose looks for pending migrations before it locks, and creates the table then, so
	// several processes would create it at once. GetDBVersion creates it under the lock.
	if _, err := r.provider.GetDBVersion(ctx); err != nil {
		return nil, err
	}
	ran, err := r.provider.Up(ctx)
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		err = fmt.Errorf("%s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
		ran = partial.Applied
	}
	return results(ran), err
}

// Down rolls back the given number of migrations, the latest first, and returns those that it
// rolled back: fewer if there are no more.
func (r *Runner) Down(ctx context.Context, steps int) ([]Result, error) {
	var done []Result
	for range steps {
		ran, err := r.provider.Down(ctx)
		var partial *goose.PartialError
		switch {
		case errors.Is(err, goose.ErrNoNextVersion):
			return done, nil
		case errors.As(err, &partial):
			return done, fmt.Errorf("%s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
		case err != nil:
			return done, missing(err)
		}
		done = append(done, results([]*goose.MigrationResult{ran})...)
	}
	return done, nil
}

// DownOnly rolls back one migration, given its file name, even if others ran after it.
func (r *Runner) DownOnly(ctx context.Context, file string) ([]Result, error) {
	for _, s := range r.provider.ListSources() {
		if path.Base(s.Path) != file {
			continue
		}
		ran, err := r.provider.ApplyVersion(ctx, s.Version, false)
		var partial *goose.PartialError
		switch {
		case errors.Is(err, goose.ErrNotApplied):
			return nil, nil
		case errors.As(err, &partial):
			return nil, fmt.Errorf("%s: %w", file, partial.Err)
		case err != nil:
			return nil, err
		}
		return results([]*goose.MigrationResult{ran}), nil
	}
	return nil, fmt.Errorf("there is no migration %s", file)
}

// Last returns the files that Down would roll back, the latest first.
func (r *Runner) Last(ctx context.Context, steps int) ([]string, error) {
	if _, err := r.provider.GetDBVersion(ctx); err != nil { // creates the table
		return nil, err
	}
	rows, err := r.history.rows(ctx, r.db)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, row := range rows[:min(steps, len(rows))] {
		if !r.history.here(row) {
			return nil, fmt.Errorf("%w: %s", ErrNoFile, row.file)
		}
		out = append(out, r.history.files[row.version].file)
	}
	return out, nil
}

// missing adds ErrNoFile to the error of goose for a missing file.
func missing(err error) error {
	if errors.Is(err, goose.ErrVersionNotFound) {
		return fmt.Errorf("%w: %w", ErrNoFile, err)
	}
	return err
}

func results(ran []*goose.MigrationResult) []Result {
	out := make([]Result, 0, len(ran))
	for _, m := range ran {
		out = append(out, Result{File: path.Base(m.Source.Path), Duration: m.Duration})
	}
	return out
}

// folder opens dir. A missing folder counts as empty.
func folder(dir string) (fs.FS, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w in %s", ErrNone, dir)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s is not a folder", dir)
	}
	return os.DirFS(dir), nil
}

func none(err error, dir string) error {
	if errors.Is(err, goose.ErrNoMigrations) {
		return fmt.Errorf("%w in %s", ErrNone, dir)
	}
	return err
}

// Any returns an error that matches [ErrNone] if dir contains no migrations.
func Any(dir string) error {
	fsys, err := folder(dir)
	if err != nil {
		return err
	}
	names, err := fs.Glob(fsys, "*.sql")
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%w in %s", ErrNone, dir)
	}
	return err
}
