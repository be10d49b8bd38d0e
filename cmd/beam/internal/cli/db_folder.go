package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// migrations is the migrations folder, relative to the project folder, which is the parent
// of the configuration folder. If it has a subfolder named after a dialect, connections of
// that dialect use the subfolder instead.
const migrations = "database/migrations"

// folderOf returns the migrations folder of a dialect, given the common folder.
func folderOf(common string, d sqlstore.Dialect) string {
	own := filepath.Join(common, string(d))
	if info, err := os.Stat(own); err == nil && info.IsDir() {
		return own
	}
	return common
}

var dialectLine = regexp.MustCompile(`(?m)^-- dialect: ([a-z]+)$`)

// dialectOf returns the dialect that a migration declares, "" if it declares none and may
// suit all dialects.
func dialectOf(text string) sqlstore.Dialect {
	if m := dialectLine.FindStringSubmatch(text); m != nil {
		return sqlstore.Dialect(m[1])
	}
	return ""
}

var createLine = regexp.MustCompile(`(?m)^CREATE TABLE (?:IF NOT EXISTS )?(\S+) \(`)

// createdTable returns the table that a migration creates, quoted as in the file; "" if it
// cannot be determined.
func createdTable(text string) string {
	if m := createLine.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// foreign returns a file in dir that declares another dialect, and that dialect; "" if there
// is none.
func (a *app) foreign(dir string, d sqlstore.Dialect) (name string, written sqlstore.Dialect, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", cannotRead(a.shorten(dir), err)
	}
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".sql" {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(name)
		if err != nil {
			return "", "", cannotRead(a.shorten(name), err)
		}
		if written := dialectOf(string(text)); written != "" && written != d {
			return name, written, nil
		}
	}
	return "", "", nil
}

// toRun returns the migrations folder of a connection. It fails if the folder is empty or
// contains migrations for another dialect, so that no database is opened or created in
// vain.
func (a *app) toRun(c *sessionconfig.Config, conn sessionconfig.Connection) (string, error) {
	dir := folderOf(filepath.Join(c.Root(), migrations), conn.Dialect)
	if err := migrate.Any(dir); err != nil {
		return "", a.advise(err, dir, "")
	}
	name, written, err := a.foreign(dir, conn.Dialect)
	if err != nil || name == "" {
		return dir, err
	}
	return "", fmt.Errorf("%s is written for %s, but the connection %s uses %s; "+
		"put all migrations for that connection in %s, and generate the one for sessions with: beam make session-table",
		a.shorten(name), written, conn.Name, conn.Dialect, a.shorten(filepath.Join(dir, string(conn.Dialect))))
}

// advise adds a remedy to errors about the folder. table records the migrations.
func (a *app) advise(err error, dir, table string) error {
	dir = a.shorten(dir)
	switch {
	case errors.Is(err, migrate.ErrNone):
		return fmt.Errorf("no migrations in %s; generate one with: beam make session-table", dir)
	case errors.Is(err, migrate.ErrNoFile):
		text, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("%s in %s; restore the file, or, if what it created no longer exists, delete its row from the table %s; "+
			"if it belongs to another project, give this one a table of its own with stores.database.migrations_table, "+
			"or roll back one file with --only", text, dir, table)
	}
	return err
}
