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

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// A database is an open connection, its migrations, and the table that the
// database store wants there.
type database struct {
	*migrate.Runner

	db     *sql.DB
	config *sessionconfig.Config
	conn   sessionconfig.Connection
	dir    string
}

// steps are the files of dir that make the table that is configured. A file is
// recognised by its name and by the table in it: with another schema it makes
// another table under the same name.
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

// checkTable looks whether the migrations have made what the store asks for, if
// it is in use. One that ran and left no table behind, or an older one, would
// never run again by itself.
func (a *app) checkTable(ctx context.Context, d *database) error {
	if d.config.StoreName() != "database" {
		return nil
	}
	store, err := sqlstore.New(d.db, d.conn.Dialect, d.config.Table())
	if err != nil {
		return err
	}
	err = store.Check(ctx)
	var wrong *sqlstore.SchemaError
	if !errors.As(err, &wrong) {
		return err
	}
	files, err := a.steps(d)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		a.warn("the store asks for the table %s, which no file in %s makes; write one: beam make session-table && beam db migrate",
			wrong.Table, a.shorten(d.dir))
		return nil
	}
	state := "is not there"
	if len(wrong.Problems) > 0 {
		state = "is not the one that this version needs"
	}
	remedy, err := d.again(ctx, files)
	if err != nil {
		return err
	}
	return fmt.Errorf("table %s %s, although %s was run; make it anew: %s", wrong.Table, state, files[len(files)-1], remedy)
}

// again is the command that takes files back and runs them again. Nothing else
// may be taken back by it.
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

// sessions counts the records that taking back files would remove.
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
			continue // an application's own
		}
		// A table that is gone has no sessions; a database that fails for another
		// reason fails in what comes next, too, and says why.
		var n int
		if d.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n) == nil {
			sum += n
		}
	}
	return sum, nil
}
