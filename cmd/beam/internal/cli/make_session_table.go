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
dialect of the connection that the store is configured for. Run it with beam db migrate. If there
is one for another kind of database, it goes into a folder of its own, such as
database/migrations/mysql, which then holds all migrations of such connections.`

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

// writeMigrations writes the steps that are not yet there, below the common
// folder. The files are named by the clock, as migrations of a team are; steps of
// one moment stay in order.
func (a *app) writeMigrations(common string, d sqlstore.Dialect, cfg sqlstore.Config) error {
	steps, err := sqlstore.Migrations(d, cfg)
	if err != nil {
		return err
	}
	dir := folderOf(common, d)
	if dir == common {
		_, written, err := a.foreign(common, d)
		if err != nil {
			return err
		}
		if written != "" {
			dir = filepath.Join(common, string(d))
			a.printf("%s is for %s; connections of %s use %s from now on\n", a.shorten(common), written, d, a.shorten(dir))
		}
	}
	now := time.Now().UTC()
	for _, step := range steps {
		there, err := a.migrationOf(dir, step)
		if err != nil {
			return err
		}
		if there != "" {
			if err := a.alreadyThere(there, step.SQL, d); err != nil {
				return err
			}
			continue
		}
		// A version must be the only one of its folder, even if several files are
		// written in one second.
		for taken(dir, now) {
			now = now.Add(time.Second)
		}
		name := filepath.Join(dir, now.Format(versionLayout)+"_"+step.Name+".sql")
		if err := a.writeNew(file{name, step.SQL, 0o644}); err != nil {
			return err
		}
	}
	return nil
}

const versionLayout = "20060102150405"

func taken(dir string, version time.Time) bool {
	entries, _ := os.ReadDir(dir) // one that cannot be read fails in the next step
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), version.Format(versionLayout)+"_")
	})
}

// migrationOf finds the file of a step, whatever its version; "" if there is none.
// One of the same name for a table in another schema is not it.
func (a *app) migrationOf(dir string, step sqlstore.Migration) (string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", cannotRead(a.shorten(dir), err)
	}
	for _, e := range entries {
		version, rest, _ := strings.Cut(e.Name(), "_")
		if rest != step.Name+".sql" || version == "" || strings.Trim(version, "0123456789") != "" {
			continue
		}
		name := filepath.Join(dir, e.Name())
		text, err := os.ReadFile(name)
		if err != nil {
			return "", cannotRead(a.shorten(name), err)
		}
		if made := createdTable(string(text)); made == "" || made == createdTable(step.SQL) {
			return name, nil
		}
	}
	return "", nil
}

// alreadyThere is success: the command may be run by every script of a
// deployment. A file that somebody changed is told.
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
