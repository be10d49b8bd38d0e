package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/cmd/beam/internal/owner"
	"github.com/expanse-go/session/sessionconfig"
)

// runner opens the connection of the database store, even if another store is configured.
// The caller must call done.
func (a *app) runner(ctx context.Context, cmd *cli.Command) (d *database, done func(), err error) {
	c, conn, dir, err := a.toMigrate(cmd)
	if err != nil {
		return nil, nil, err
	}
	return a.open(ctx, c, conn, dir)
}

// toMigrate returns the connection of the database store and its migrations folder.
func (a *app) toMigrate(cmd *cli.Command) (c *sessionconfig.Config, conn sessionconfig.Connection, dir string, err error) {
	if c, err = a.load(cmd); err == nil {
		conn, err = c.Connection("")
	}
	if err == nil {
		dir, err = a.toRun(c, conn)
	}
	return c, conn, dir, err
}

// open is like runner, for a given configuration and folder.
func (a *app) open(ctx context.Context, c *sessionconfig.Config, conn sessionconfig.Connection, dir string) (d *database, done func(), err error) {
	p := a.begin("opening the connection %s", conn)
	defer p.end()
	existing := owner.Existing(conn.File)
	db, err := c.OpenDB(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	if conn.File != "" {
		if err := owner.Give(conn.File, existing); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	d = &database{db: db, config: c, conn: conn, dir: dir}
	lock, err := lockFile(ctx, conn.Dialect, db)
	if err == nil {
		d.Runner, err = migrate.New(dialects[conn.Dialect], db, dir, lock, migrate.Table{Schema: c.Table().Schema, Name: c.MigrationsTable()})
		err = migrationsTableMistake(err)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return d, func() { db.Close() }, nil
}

// migrationsTableMistake names the setting of a name that cannot be used.
func migrationsTableMistake(err error) error {
	var wrong *session.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	key := map[string]string{"Schema": "stores.database.schema", "Table": "stores.database.migrations_table"}[wrong.Field]
	return &sessionconfig.Error{Key: key, Value: fmt.Sprintf("%q", wrong.Value), Reason: wrong.Reason}
}

// ran is the JSON form of a migration that was run.
type ran struct {
	File         string `json:"file"`
	Milliseconds int64  `json:"milliseconds"`
}

// ranReport prints the migrations that were run. verb describes what was done with each of
// them, and nothing is printed if there are none.
func (a *app) ranReport(cmd *cli.Command, verb, nothing string, results []migrate.Result) error {
	if cmd.Bool("json") {
		out := make([]ran, 0, len(results))
		for _, r := range results {
			out = append(out, ran{r.File, r.Duration.Milliseconds()})
		}
		return a.json(out)
	}
	for _, r := range results {
		a.printf("%s %s (%d ms)\n", verb, r.File, r.Duration.Milliseconds())
	}
	if len(results) == 0 {
		a.printf("%s\n", nothing)
	}
	return nil
}
