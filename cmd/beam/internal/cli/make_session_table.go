package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/sqlstore"
)

const makeHelp = `Writes the migration that makes the table of the database store into database/migrations, in the
dialect of the connection that the store is configured for. Run it with beam db migrate.`

func (a *app) makeSessionTable(_ context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	conn, err := c.Connection("")
	if err != nil {
		return err
	}
	return a.writeMigrations(filepath.Join(c.Root(), migrations), conn.Dialect, c.Table())
}

// writeMigrations writes the steps that are not yet in dir. The files are named
// by the clock, as migrations of a team are; steps of one moment stay in order.
func (a *app) writeMigrations(dir string, d sqlstore.Dialect, cfg sqlstore.Config) error {
	steps, err := sqlstore.Migrations(d, cfg)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	for i, step := range steps {
		there, err := a.migrationNamed(dir, step.Name)
		if err != nil {
			return err
		}
		if there != "" {
			if err := a.alreadyThere(there, step.SQL, d); err != nil {
				return err
			}
			continue
		}
		version := now.Add(time.Duration(i) * time.Second).Format("20060102150405")
		name := filepath.Join(dir, version+"_"+step.Name+".sql")
		if err := a.writeNew(file{name, step.SQL, 0o644}); err != nil {
			return err
		}
	}
	return nil
}

// migrationNamed finds the file of a step, whatever its version.
func (a *app) migrationNamed(dir, name string) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", cannotRead(a.shorten(dir), err)
	}
	i := slices.IndexFunc(entries, func(e fs.DirEntry) bool {
		version, rest, _ := strings.Cut(e.Name(), "_")
		return rest == name+".sql" && version != "" && strings.Trim(version, "0123456789") == ""
	})
	if i < 0 {
		return "", nil
	}
	return filepath.Join(dir, entries[i].Name()), nil
}

// alreadyThere is success: the command may be run by every script of a
// deployment. A file for another database would fail later, so that is told now.
func (a *app) alreadyThere(name, want string, d sqlstore.Dialect) error {
	got, err := os.ReadFile(name)
	name = a.shorten(name)
	if err != nil {
		return cannotRead(name, err)
	}
	a.printf("already there: %s\n", name)
	if string(got) != want {
		a.warn("%s is not what this version of beam writes for %s; "+
			"if you did not change it, and no database has run it, delete it and run this again", name, d)
	}
	return nil
}
