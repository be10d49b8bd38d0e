package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "modernc.org/sqlite"           // the driver of SQLite

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/internal/natstest"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sqlstore"
)

// A location is where sessions are stored. Its exported fields are all that another process
// needs to open it.
type location struct {
	Kind   string // memory, file, sqlite, postgres, mariadb, redis, nats
	DSN    string // of a file store: its directory
	Schema string // PostgreSQL; of Redis the prefix, without its colon

	// Set in the process that created the location:
	remove  func() error
	cluster *natstest.Cluster // NATS only
}

// kinds lists the stores, the fast ones first.
var kinds = []string{"memory", "file", "sqlite", "postgres", "mariadb", "redis", "nats"}

// serverEnv names the environment variables with the servers' addresses.
var serverEnv = map[string]string{"postgres": "SESSION_TEST_POSTGRES", "mariadb": "SESSION_TEST_MYSQL", "redis": "SESSION_TEST_REDIS"}

// available returns an error that says why a store can't be used here, or nil.
func available(kind string) error {
	env, needs := serverEnv[kind]
	if needs && os.Getenv(env) == "" {
		return fmt.Errorf(`%s is not set; "make torture" installs the server, starts it and sets the variable`, env)
	}
	return nil
}

// newLocation creates an empty location; in dir, if its store uses files.
func newLocation(ctx context.Context, kind, dir string) (location, error) {
	if err := available(kind); err != nil {
		return location{}, err
	}
	return newLocationAt(ctx, kind, dir, os.Getenv(serverEnv[kind]))
}

// newLocationAt is newLocation with the address of the server, if the store needs one.
func newLocationAt(ctx context.Context, kind, dir, server string) (loc location, err error) {
	loc = location{Kind: kind, remove: func() error { return nil }}
	name := "torture_" + strings.ToLower(rand.Text()[:12])
	switch kind {
	case "memory":
		return loc, nil
	case "file":
		loc.DSN = filepath.Join(dir, name)
		return loc, nil
	case "nats":
		if err = loc.createNATS(ctx, filepath.Join(dir, name)); err != nil {
			err = errors.Join(err, loc.remove())
		}
		return loc, err
	case "sqlite":
		loc.DSN = "file:" + filepath.Join(dir, name+".db") + "?_pragma=busy_timeout(100)"
	case "postgres":
		loc.DSN, loc.Schema = server, name
		err = loc.create(ctx, loc.DSN, `CREATE SCHEMA "`+name+`"`, `DROP SCHEMA "`+name+`" CASCADE`)
		if err == nil {
			err = loc.setOption("application_name", name) // for terminateConnections
		}
	case "mariadb":
		var cfg *mysql.Config
		if cfg, err = mysql.ParseDSN(server); err == nil {
			admin := cfg.FormatDSN()
			cfg.DBName = name
			loc.DSN = cfg.FormatDSN()
			err = loc.create(ctx, admin, "CREATE DATABASE `"+name+"`", "DROP DATABASE `"+name+"`")
		}
	case "redis":
		loc.DSN, loc.Schema = server, name
		loc.remove = func() error { return loc.deleteKeys(context.WithoutCancel(ctx)) }
		err = loc.setOption("client_name", name) // for terminateConnections
		return loc, err
	default:
		err = fmt.Errorf("unknown store %q; want one of %s", kind, strings.Join(kinds, ", "))
	}
	if err == nil {
		err = loc.migrate(ctx)
	}
	if err != nil {
		return location{}, errors.Join(err, loc.remove())
	}
	return loc, nil
}

// create runs a statement that creates the schema or database, and sets loc.remove to run
// the one that drops it.
func (loc *location) create(ctx context.Context, admin, create, drop string) error {
	once := func(ctx context.Context, statement string) error {
		db, err := sql.Open(loc.driver(), admin)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, statement)
		return err
	}
	loc.remove = func() error { return once(context.WithoutCancel(ctx), drop) }
	return once(ctx, create)
}

func (loc *location) driver() string {
	return map[string]string{"sqlite": "sqlite", "postgres": "pgx", "mariadb": "mysql"}[loc.Kind]
}

func (loc *location) dialect() sqlstore.Dialect {
	return map[string]sqlstore.Dialect{"sqlite": sqlstore.SQLite, "postgres": sqlstore.PostgreSQL, "mariadb": sqlstore.MySQL}[loc.Kind]
}

func (loc *location) migrate(ctx context.Context) error {
	db, err := sql.Open(loc.driver(), loc.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	migrations, err := sqlstore.Migrations(loc.dialect(), sqlstore.Config{Schema: loc.Schema})
	if err != nil {
		return err
	}
	for _, m := range migrations {
		for _, statement := range m.Statements() {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
	}
	return nil
}

// An openStore is a store with what has to be closed after it.
type openStore struct {
	session.Store

	others []session.Store // of other processes, which share the data

	db       *sql.DB       // nil without a database
	pgErrors *errorCounter // PostgreSQL only
	redis    io.Closer     // Redis only
	done     func()        // NATS only: closes the connection
}

// maxConns limits the connections of one process to a database.
const maxConns = 10

// open opens the store, and checks it if it is on a server.
func (loc *location) open(ctx context.Context) (openStore, error) {
	o, err := loc.openUnchecked()
	if c, ok := o.Store.(interface{ Check(context.Context) error }); ok && err == nil {
		if err = c.Check(ctx); err != nil {
			return openStore{}, errors.Join(err, o.close())
		}
	}
	return o, err
}

func (loc *location) openUnchecked() (openStore, error) {
	switch loc.Kind {
	case "memory":
		return openStore{Store: memstore.New(memstore.Config{})}, nil
	case "file":
		s, err := filestore.Open(loc.DSN, filestore.Config{})
		return openStore{Store: s}, err
	case "nats":
		return loc.openNATS()
	}
	if loc.Kind == "redis" {
		return loc.openRedis()
	}
	if loc.Kind == "mariadb" {
		_ = mysql.SetLogger(&mysql.NopLogger{}) // it logs every broken connection
	}
	db, pgErrors, err := loc.connect()
	if err != nil {
		return openStore{}, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	s, err := sqlstore.New(db, loc.dialect(), sqlstore.Config{Schema: loc.Schema})
	if err != nil {
		return openStore{}, errors.Join(err, db.Close())
	}
	return openStore{Store: s, db: db, pgErrors: pgErrors}, nil
}

func (loc *location) connect() (*sql.DB, *errorCounter, error) {
	if loc.Kind != "postgres" {
		db, err := sql.Open(loc.driver(), loc.DSN)
		return db, nil, err
	}
	cfg, err := pgx.ParseConfig(loc.DSN)
	if err != nil {
		return nil, nil, err
	}
	pgErrors := &errorCounter{}
	cfg.Tracer = pgErrors
	return stdlib.OpenDB(*cfg), pgErrors, nil
}

func (o openStore) close() error {
	var errs []error
	if c, ok := o.Store.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if o.redis != nil {
		errs = append(errs, o.redis.Close())
	}
	if o.db != nil {
		errs = append(errs, o.db.Close())
	}
	if o.done != nil {
		o.done()
	}
	return errors.Join(errs...)
}

// wait sleeps. Use it for delays that are part of an experiment, or between tries of a
// bounded poll.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
