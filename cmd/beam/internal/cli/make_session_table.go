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

const makeHelp = `Generates the migration that creates the table of the database store. It writes the file to
database/migrations, in the SQL dialect of the store's connection. Run it with beam db migrate.
If database/migrations already contains migrations for another dialect, the file goes to a
subfolder such as database/migrations/mysql. Put all migrations for that dialect there.`

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

// writeMigrations writes the missing migrations to the common folder or to its subfolder for
// the dialect. The files are named by the current time, so that migrations of several
// developers do not collide, and keep their order.
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
			a.printf("%s contains migrations for %s; from now on, %s connections use %s\n", a.shorten(common), written, d, a.shorten(dir))
		}
	}
	now := time.Now().UTC()
	for _, step := range steps {
		existing, err := a.migrationOf(dir, step)
		if err != nil {
			return err
		}
		if existing != "" {
			if err := a.keepMigration(existing, step.SQL, d); err != nil {
				return err
			}
			continue
		}
		// Versions must be unique in the folder, even if several files are written
		// in one second.
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
	entries, _ := os.ReadDir(dir) // if dir cannot be read, the next step fails
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasPrefix(e.Name(), version.Format(versionLayout)+"_")
	})
}

// migrationOf returns the file of a migration, whatever its version; "" if there is none. A
// file of the same name for a table in another schema does not count.
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

// keepMigration reports an existing file as success, so that deployment scripts can run the
// command repeatedly. It warns if the content differs from want.
func (a *app) keepMigration(name, want string, d sqlstore.Dialect) error {
	got, err := os.ReadFile(name)
	name = a.shorten(name)
	if err != nil {
		return cannotRead(name, err)
	}
	a.printf("exists: %s\n", name)
	if string(got) != want {
		a.warn("%s differs from what this version of beam generates for %s; "+
			"if you did not edit it and no database has run it, delete it and run this command again", name, d)
	}
	return nil
}
