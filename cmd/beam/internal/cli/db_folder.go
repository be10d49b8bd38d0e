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

// migrations is the folder of the migrations, from the folder of the application,
// which is the one that holds the folder of the configuration. A folder below it
// with the name of a dialect goes before it for connections of that dialect.
const migrations = "database/migrations"

// folderOf is the folder of the migrations for a dialect, given the common one.
func folderOf(common string, d sqlstore.Dialect) string {
	own := filepath.Join(common, string(d))
	if info, err := os.Stat(own); err == nil && info.IsDir() {
		return own
	}
	return common
}

var dialectLine = regexp.MustCompile(`(?m)^-- dialect: ([a-z]+)$`)

// dialectOf is the dialect that a file says it is written for, "" if it does not
// say: then it may suit all.
func dialectOf(text string) sqlstore.Dialect {
	if m := dialectLine.FindStringSubmatch(text); m != nil {
		return sqlstore.Dialect(m[1])
	}
	return ""
}

var createLine = regexp.MustCompile(`(?m)^CREATE TABLE (?:IF NOT EXISTS )?(\S+) \(`)

// createdTable is the table that a file makes, as it is quoted there; "" if that
// cannot be told.
func createdTable(text string) string {
	if m := createLine.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// foreign finds a file in dir that is written for another dialect; "" if there is
// none.
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

// toRun is the folder of what is run on a connection. That there is something in
// it, and that it suits, is told before a database is opened, or made, for it.
func (a *app) toRun(c *sessionconfig.Config, conn sessionconfig.Connection) (string, error) {
	dir := folderOf(filepath.Join(c.Root(), migrations), conn.Dialect)
	if err := migrate.Any(dir); err != nil {
		return "", a.advise(err, dir)
	}
	name, written, err := a.foreign(dir, conn.Dialect)
	if err != nil || name == "" {
		return dir, err
	}
	return "", fmt.Errorf("%s is written for %s, but the connection %s is %s; "+
		"write what that needs into %s, with your other migrations: beam make session-table",
		a.shorten(name), written, conn.Name, conn.Dialect, a.shorten(filepath.Join(dir, string(conn.Dialect))))
}

// advise adds what to do to errors of the folder.
func (a *app) advise(err error, dir string) error {
	dir = a.shorten(dir)
	switch {
	case errors.Is(err, migrate.ErrNone):
		return fmt.Errorf("no migrations in %s; write one: beam make session-table", dir)
	case errors.Is(err, migrate.ErrNoFile):
		text, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("%s in %s; put the file back, or, if what it made is gone for good, "+
			"delete that version from the table goose_db_version", text, dir)
	}
	return err
}
