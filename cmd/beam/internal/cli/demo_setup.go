package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sessionpage"
	"github.com/expanse-go/session/sqlstore"
)

// demoFolder is the folder for the demo's data, by default in the user's cache folder. Its
// content can be deleted at any time, like that of any cache.
const demoFolder = "beam-demo"

// demoConfig, demoDatabase and demoRedis are the demo's own configuration.
const demoConfig = `# The configuration of "beam demo".
store = "database"

[stores.redis]
prefix = "beam-demo:"
`

const demoDatabase = `default = "sqlite"

[connections.sqlite]
driver = "sqlite"
database = "demo.db"
`

const demoRedis = `default = "main"

[connections.main]
`

// demoCookie differs from the name of any application's cookie. Cookies of one host are shared
// by all its ports, and a token is valid only under the name of its cookie, so that a token of
// the demo gives no access to an application on the same store.
const demoCookie = "beam-demo"

// demoConfiguration returns the demo's own configuration, and migrates its database. Only a
// flag lets the demo use the configuration of the current folder.
func (a *app) demoConfiguration(ctx context.Context, cmd *cli.Command, counters *sessionpage.Counters) (*sessionconfig.Config, error) {
	if cmd.Bool(useConfigured) {
		if cmd.IsSet("dir") {
			return nil, wrong(cmd, "give --dir or --%s, not both", useConfigured)
		}
		a.warn("the demo keeps its sessions in the store of %s, and signs anyone in without a password, as owners that begin with demo:",
			a.shorten(a.path(cmd.String("config"))))
		c, err := a.readForDemo(a.path(cmd.String("config")), cmd, a.environ, counters)
		if err == nil {
			err = a.mayWrite(c)
		}
		return c, err
	}
	if cmd.IsSet("config") {
		return nil, wrong(cmd, "the demo has a configuration of its own; add --%s to use --config", useConfigured)
	}
	home, err := a.demoHome(cmd)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"session.toml": demoConfig, "database.toml": demoDatabase, "redis.toml": demoRedis} {
		if err := writeOwn(filepath.Join(home, "config", name), text); err != nil {
			return nil, err
		}
	}
	// Variables such as SESSION_STORES__FILE__PATH belong to the application. But only they can say
	// where a server is; the demo has a prefix of its own there.
	var environ []string
	for _, v := range a.environ {
		if strings.HasPrefix(v, "REDIS_CONNECTION") {
			environ = append(environ, v)
		}
	}
	c, err := a.readForDemo(filepath.Join(home, "config"), cmd, environ, counters)
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
func (a *app) readForDemo(dir string, cmd *cli.Command, environ []string, counters *sessionpage.Counters) (*sessionconfig.Config, error) {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	c, err := a.read(dir, cmd.String("store"), environ, log, sessionconfig.Configure(func(s *session.Config) {
		s.Cookie = session.CookieConfig{Name: demoCookie, DangerouslyAllowHTTP: true}
		s.TrustedOrigins = nil
		s.OnEvent = counters.Count
	}))
	if err != nil {
		return nil, err
	}
	return c, nil
}

// demoHome returns a folder that only the demo uses, so that --dir cannot make it use the
// configuration of an application either.
func (a *app) demoHome(cmd *cli.Command) (string, error) {
	if dir := cmd.String("dir"); dir != "" {
		return filepath.Join(a.path(dir), demoFolder), nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find a folder for the demo's data: %w; name one with --dir", err)
	}
	return filepath.Join(cache, demoFolder), nil
}

// writeOwn writes a file in the demo's own folder, unless its content is right already.
func writeOwn(name, text string) error {
	if old, err := os.ReadFile(name); err == nil && string(old) == text {
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
