package cli

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
	"github.com/expanse-go/session/sessionconfig"
)

// migrations is the folder of the migrations, from the folder of the application,
// which is the one that holds the folder of the configuration.
const migrations = "database/migrations"

// runner opens the connection of the database store, whether or not that store
// is in use. The caller must call done.
func (a *app) runner(ctx context.Context, cmd *cli.Command) (r *migrate.Runner, done func(), err error) {
	c, err := a.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	// Whether there is anything to run is told before a database is made for it.
	dir := filepath.Join(c.Root(), migrations)
	if err := migrate.Any(dir); err != nil {
		return nil, nil, advise(err)
	}
	return a.open(ctx, c, dir)
}

// open is runner for a configuration and a folder.
func (a *app) open(ctx context.Context, c *sessionconfig.Config, dir string) (r *migrate.Runner, done func(), err error) {
	conn, err := c.Connection("")
	if err != nil {
		return nil, nil, err
	}
	p := a.begin("opening the connection %s", conn)
	defer p.end()
	db, err := c.OpenDB(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	lock, err := lockFile(ctx, conn.Dialect, db)
	if err == nil {
		r, err = migrate.New(dialects[conn.Dialect], db, dir, lock)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return r, func() { db.Close() }, nil
}

// advise adds what to do to the error of an empty folder.
func advise(err error) error {
	if errors.Is(err, migrate.ErrNone) {
		return errors.New("no migrations in " + migrations + "; write one: beam make session-table")
	}
	return err
}

// ran is one migration in JSON.
type ran struct {
	File         string `json:"file"`
	Milliseconds int64  `json:"milliseconds"`
}

// ranReport shows what was run even if the next one failed.
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
