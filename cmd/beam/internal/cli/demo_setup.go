package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// demoFolder is the folder for the demo's data in the user's cache folder. Its content can be
// deleted at any time, like that of any cache.
const demoFolder = "beam-demo"

// demoConfig and demoDatabase are used if the current folder has no configuration.
const demoConfig = `# The configuration that "beam demo" uses if it finds no other.
store = "database"
`

const demoDatabase = `default = "sqlite"

[connections.sqlite]
driver = "sqlite"
database = "demo.db"
`

// demoConfiguration returns the configuration of the current folder. If there is none, it
// creates one in the demo's own folder, and migrates its database.
func (a *app) demoConfiguration(ctx context.Context, cmd *cli.Command) (*sessionconfig.Config, error) {
	dir := a.path(cmd.String("config"))
	configured := exists(filepath.Join(dir, "session.toml"))
	switch {
	case cmd.IsSet("config") && cmd.IsSet("dir"):
		return nil, wrong(cmd, "give --dir or --config, not both")
	case configured && cmd.IsSet("dir"):
		configured = false
	case cmd.IsSet("config"):
		configured = true // if it is missing, Load reports that
	}
	if configured {
		return a.readForDemo(dir, cmd)
	}
	home, err := a.demoHome(cmd)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"session.toml": demoConfig, "database.toml": demoDatabase} {
		if err := writeOwn(filepath.Join(home, "config", name), text); err != nil {
			return nil, err
		}
	}
	c, err := a.readForDemo(filepath.Join(home, "config"), cmd)
	if err != nil {
		return nil, err
	}
	a.printf("Data: %s\n", home)
	if c.StoreName() == "database" {
		err = a.migrateDemo(ctx, c, filepath.Join(home, "migrations"))
	}
	return c, err
}

// readForDemo allows the cookie over plain HTTP. The demo listens on loopback only, and
// every page explains this setting.
func (a *app) readForDemo(dir string, cmd *cli.Command) (*sessionconfig.Config, error) {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	c, err := a.read(dir, cmd.String("store"), log, sessionconfig.Configure(func(s *session.Config) {
		s.Cookie.DangerouslyAllowHTTP = true
	}))
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (a *app) demoHome(cmd *cli.Command) (string, error) {
	if dir := cmd.String("dir"); dir != "" {
		return a.path(dir), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a folder for the demo's data: %w; name one with --dir", err)
	}
	return filepath.Join(cache, demoFolder), nil
}

// writeOwn writes a file in the demo's own folder unless it exists.
func writeOwn(name, text string) error {
	if exists(name) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return cannotWrite(name, err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return cannotWrite(name, err)
	}
	return nil
}

// migrateDemo creates or upgrades the table in the same way as beam db migrate.
func (a *app) migrateDemo(ctx context.Context, c *sessionconfig.Config, dir string) error {
	conn, err := c.Connection("")
	if err != nil {
		return err
	}
	dir = filepath.Join(dir, string(conn.Dialect)) // the connection may change from run to run
	steps, err := sqlstore.Migrations(conn.Dialect, c.Table())
	if err != nil {
		return err
	}
	for i, step := range steps {
		if err := writeOwn(filepath.Join(dir, fmt.Sprintf("%05d_%s.sql", i+1, step.Name)), step.SQL); err != nil {
			return err
		}
	}
	r, done, err := a.open(ctx, c, conn, dir)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("migrating")
	results, err := r.Up(ctx)
	p.end()
	for _, m := range results {
		a.printf("Migrated: %s\n", m.File)
	}
	return err
}

// describe returns the name of the store, as shown on the pages of the demo.
func describe(c *sessionconfig.Config) string {
	name := c.StoreName()
	if name != "database" {
		return name
	}
	conn, err := c.Connection("")
	if err != nil {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, conn.Dialect)
}

// forgets reports whether the store loses its sessions when the program ends.
func forgets(c *sessionconfig.Config) bool {
	return c.StoreName() == "memory" || c.StoreName() == "null"
}
