package cli

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/expanse"
	"github.com/expanse-go/session/sessionmigrate/fiber"
	"github.com/expanse-go/session/sessionmigrate/gorilla"
	"github.com/expanse-go/session/sessionmigrate/laravel"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
	"github.com/expanse-go/session/sessionmigrate/scs"
	"github.com/expanse-go/session/sqlstore"
)

// migrateFlags are those of migrate-from, except --json.
func migrateFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "dsn", Usage: "the `DSN` of the old database, or the URL of the old Redis server", Local: true},
		&cli.StringFlag{Name: "table", Usage: "the old `TABLE` (default: sessions; fiber: fiber_storage)", Local: true},
		&cli.StringFlag{Name: "prefix", Usage: "the `PREFIX` of the old keys in Redis (default: scs:session: for scs, session_ for redistore)", Local: true},
		&cli.StringFlag{Name: "dir", Usage: "the `FOLDER` of the old files", Local: true},
		&cli.StringFlag{Name: "name", Usage: "the `NAME` of the session in gorilla/sessions", Local: true},
		&cli.StringFlag{Name: "cookie", Usage: "the `NAME` of the old cookie, for laravel and expanse", Local: true},
		&cli.StringSliceFlag{Name: "key-env", Usage: "the environment `VARIABLE` that has the old key; repeat it for each further key, in the old order", Local: true},
		&cli.StringFlag{Name: "serializer", Value: "gob", Usage: "the `SERIALIZER` of redistore: gob or json", Local: true},
		&cli.BoolFlag{Name: "encrypted", Usage: "Laravel encrypts the data (SESSION_ENCRYPT)", Local: true},
		&cli.DurationFlag{Name: "lifetime", Value: 2 * time.Hour, Usage: "the idle timeout `DURATION` of laravel and expanse", Local: true},
		&cli.StringFlag{Name: "owner", Usage: "the `KEY` in the old data that has the user (default: everybody is anonymous; laravel: that of the guard web)", Local: true},
		&cli.StringFlag{Name: "until", Usage: "the `DATE` until which the application takes sessions over, as in its sessionmigrate.Config.Until (default: in 400 days)", Local: true},
		&cli.BoolFlag{Name: "lenient", Usage: "leave out values that cannot be taken over", Local: true},
		&cli.BoolFlag{Name: "dry-run", Usage: "only count the sessions", Local: true},
	}
}

// oldSource opens the source of the sessions of a library. The caller must call done.
func (a *app) oldSource(ctx context.Context, cmd *cli.Command, library string) (from sessionmigrate.Lister, done func(), err error) {
	o := opening{app: a, cmd: cmd, done: func() {}}
	switch library {
	case "scs":
		from, err = o.scs(ctx)
	case "gorilla-files":
		from, err = o.files()
	case "redistore":
		from, err = o.redistore(ctx)
	case "fiber":
		from, err = o.fiber(ctx)
	case "laravel":
		from, err = o.laravel(ctx)
	case "expanse":
		from, err = o.expanse(ctx)
	default:
		err = wrong(cmd, "unknown library %q; use scs, gorilla-files, redistore, fiber, laravel or expanse", library)
	}
	if err != nil {
		o.done()
		return nil, nil, err
	}
	return from, o.done, nil
}

// migration makes the migration that the flags describe.
func (a *app) migration(cmd *cli.Command, library string, to *session.Manager, from sessionmigrate.Source) (*sessionmigrate.Migration, error) {
	cfg := sessionmigrate.Config{
		Until:   time.Now().Add(400 * 24 * time.Hour),
		Lenient: cmd.Bool("lenient"),
		Logger:  slog.New(slog.DiscardHandler),
	}
	if text := cmd.String("until"); text != "" {
		var err error
		if cfg.Until, err = time.Parse(time.RFC3339, text); err != nil {
			if cfg.Until, err = time.Parse(time.DateOnly, text); err != nil {
				return nil, wrong(cmd, "--until %q is no date such as 2027-01-31 or 2027-01-31T12:00:00Z", text)
			}
		}
	}
	switch library {
	case "laravel":
		cfg.Map, cfg.Owner = laravel.Map, laravel.Owner("web")
	case "expanse":
		cfg.Map = expanse.Map
	}
	if key := cmd.String("owner"); key != "" {
		cfg.Owner = sessionmigrate.OwnerKey(key)
	}
	return sessionmigrate.New(to.Store(), from, cfg)
}

// An opening opens an old store, as the flags say.
type opening struct {
	app  *app
	cmd  *cli.Command
	done func()
}

// need returns the value of a flag that the library needs.
func (o *opening) need(flag string) (string, error) {
	if v := o.cmd.String(flag); v != "" {
		return v, nil
	}
	return "", wrong(o.cmd, "%s needs --%s", o.cmd.Args().First(), flag)
}

func (o *opening) text(flag, fallback string) string {
	if v := o.cmd.String(flag); v != "" {
		return v
	}
	return fallback
}

// keys reads the old keys from the environment, so that they are in no list of processes.
func (o *opening) keys() (keys []string, err error) {
	names := o.cmd.StringSlice("key-env")
	if len(names) == 0 {
		return nil, wrong(o.cmd, "%s needs --key-env", o.cmd.Args().First())
	}
	for _, name := range names {
		key := o.app.getenv(name)
		if key == "" {
			return nil, wrong(o.cmd, "the environment variable %s, which --key-env names, is empty", name)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func (o *opening) scs(ctx context.Context) (sessionmigrate.Lister, error) {
	records, err := o.records(ctx, scs.RedisPrefix, func(db *sql.DB, d sqlstore.Dialect) (sessionmigrate.Records, error) {
		return scs.SQL(db, d, o.text("table", "sessions"))
	})
	if err != nil {
		return nil, err
	}
	return scs.New(records, scs.Config{}), nil
}

func (o *opening) fiber(ctx context.Context) (sessionmigrate.Lister, error) {
	records, err := o.records(ctx, "", func(db *sql.DB, d sqlstore.Dialect) (sessionmigrate.Records, error) {
		return fiber.SQL(db, d, o.text("table", "fiber_storage"))
	})
	if err != nil {
		return nil, err
	}
	return fiber.New(records, fiber.Config{}), nil
}

func (o *opening) gorilla() (cfg gorilla.Config, err error) {
	if cfg.Name, err = o.need("name"); err != nil {
		return cfg, err
	}
	keys, err := o.keys()
	for _, k := range keys {
		cfg.KeyPairs = append(cfg.KeyPairs, []byte(k))
	}
	switch s := o.cmd.String("serializer"); s {
	case "gob":
	case "json":
		cfg.JSON = true
	default:
		return cfg, wrong(o.cmd, "--serializer is gob or json, not %q", s)
	}
	return cfg, err
}

func (o *opening) files() (sessionmigrate.Lister, error) {
	dir, err := o.need("dir")
	if err != nil {
		return nil, err
	}
	cfg, err := o.gorilla()
	if err != nil {
		return nil, err
	}
	return gorilla.Files(o.app.path(dir), cfg)
}

func (o *opening) redistore(ctx context.Context) (sessionmigrate.Lister, error) {
	cfg, err := o.gorilla()
	if err != nil {
		return nil, err
	}
	records, err := o.records(ctx, gorilla.RedisPrefix, nil)
	if err != nil {
		return nil, err
	}
	return gorilla.Redis(records, cfg)
}

func (o *opening) laravel(ctx context.Context) (sessionmigrate.Lister, error) {
	cookie, err := o.need("cookie")
	if err != nil {
		return nil, err
	}
	keys, err := o.keys()
	if err != nil {
		return nil, err
	}
	records, err := o.records(ctx, "", func(db *sql.DB, d sqlstore.Dialect) (sessionmigrate.Records, error) {
		return laravel.SQL(db, d, o.text("table", "sessions"), o.cmd.Duration("lifetime"))
	})
	if err != nil {
		return nil, err
	}
	return laravel.New(records, laravel.Config{Cookie: cookie, Keys: keys, Encrypted: o.cmd.Bool("encrypted")})
}

func (o *opening) expanse(ctx context.Context) (sessionmigrate.Lister, error) {
	cookie, err := o.need("cookie")
	if err != nil {
		return nil, err
	}
	records, err := o.records(ctx, "", func(db *sql.DB, d sqlstore.Dialect) (sessionmigrate.Records, error) {
		return expanse.SQL(db, d, o.text("table", "sessions"), o.cmd.Duration("lifetime"))
	})
	if err != nil {
		return nil, err
	}
	return expanse.New(records, expanse.Config{Cookie: cookie})
}

// records opens what --dsn names: a Redis server, or a database with a table. A nil table means
// that the library keeps nothing in databases.
func (o *opening) records(ctx context.Context, prefix string, table func(*sql.DB, sqlstore.Dialect) (sessionmigrate.Records, error)) (sessionmigrate.Records, error) {
	dsn, err := o.need("dsn")
	if err != nil {
		return nil, err
	}
	scheme, _, _ := strings.Cut(dsn, "://")
	switch {
	case scheme == "redis" || scheme == "rediss" || scheme == "unix":
		opts, err := redis.ParseURL(dsn)
		if err != nil {
			return nil, wrong(o.cmd, "--dsn is no URL of Redis, such as redis://user:password@host:6379/0")
		}
		client := redis.NewClient(opts)
		o.done = func() { client.Close() }
		if err := client.Ping(ctx).Err(); err != nil {
			return nil, fmt.Errorf("the old Redis server: %w", err)
		}
		return redisrecords.New(client, o.text("prefix", prefix)), nil
	case table == nil:
		return nil, wrong(o.cmd, "%s keeps its sessions in Redis; --dsn is a URL such as redis://host:6379/0", o.cmd.Args().First())
	}
	driver, dialect := "sqlite", sqlstore.SQLite
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		driver, dialect = "pgx", sqlstore.PostgreSQL
	case strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix("):
		driver, dialect = "mysql", sqlstore.MySQL
	case !strings.HasPrefix(dsn, "file:"):
		file := o.app.path(dsn)
		if !exists(file) {
			return nil, wrong(o.cmd, "--dsn: there is no file %s", o.app.shorten(file))
		}
		dsn = "file:" + file + "?mode=ro&_pragma=busy_timeout(5000)"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("the old database: %w", err)
	}
	o.done = func() { db.Close() }
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("the old database: %w", err)
	}
	return table(db, dialect)
}
