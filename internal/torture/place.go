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
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sqlstore"
)

// A place is where sessions are kept. Its fields are all that another process needs
// to open it too.
type place struct {
	Kind   string // memory, file, sqlite, postgres, mariadb
	DSN    string // the folder of a file store
	Schema string // of PostgreSQL

	// GivesUp is when MariaDB's driver does by itself; 0: never, and contexts are watched.
	GivesUp time.Duration

	remove func() error // in the process that made it
}

// kinds are the stores, the fast ones first.
var kinds = []string{"memory", "file", "sqlite", "postgres", "mariadb"}

// serverEnv leads to the servers, as in the other tests.
var serverEnv = map[string]string{"postgres": "SESSION_TEST_POSTGRES", "mariadb": "SESSION_TEST_MYSQL"}

// available reports whether a store can be used here, and else why not.
func available(kind string) error {
	env, needs := serverEnv[kind]
	if needs && os.Getenv(env) == "" {
		return fmt.Errorf(`%s is not set; "make torture" installs the server, starts it and sets the variable`, env)
	}
	return nil
}

// newPlace makes an empty place, in dir if it is one of files.
func newPlace(ctx context.Context, kind, dir string) (place, error) {
	if err := available(kind); err != nil {
		return place{}, err
	}
	return newPlaceAt(ctx, kind, dir, os.Getenv(serverEnv[kind]))
}

// newPlaceAt makes it on the server of that address, if it is not one of files.
func newPlaceAt(ctx context.Context, kind, dir, server string) (p place, err error) {
	p = place{Kind: kind, remove: func() error { return nil }}
	name := "torture_" + strings.ToLower(rand.Text()[:12])
	switch kind {
	case "memory":
		return p, nil
	case "file":
		p.DSN = filepath.Join(dir, name)
		return p, nil
	case "sqlite":
		p.DSN = "file:" + filepath.Join(dir, name+".db") + "?_pragma=busy_timeout(100)"
	case "postgres":
		p.DSN, p.Schema = server, name
		err = p.make(ctx, p.DSN, `CREATE SCHEMA "`+name+`"`, `DROP SCHEMA "`+name+`" CASCADE`)
		if err == nil {
			err = p.option("application_name", name) // for hangUp
		}
	case "mariadb":
		var cfg *mysql.Config
		if cfg, err = mysql.ParseDSN(server); err == nil {
			admin := cfg.FormatDSN()
			cfg.DBName = name
			p.DSN = cfg.FormatDSN()
			err = p.make(ctx, admin, "CREATE DATABASE `"+name+"`", "DROP DATABASE `"+name+"`")
		}
	default:
		err = fmt.Errorf("no store %q: know %s", kind, strings.Join(kinds, ", "))
	}
	if err == nil {
		err = p.migrate(ctx)
	}
	if err != nil {
		return place{}, errors.Join(err, p.remove())
	}
	return p, nil
}

// make runs the statement that makes the place, and keeps the one that removes it.
func (p *place) make(ctx context.Context, admin, create, drop string) error {
	once := func(ctx context.Context, statement string) error {
		db, err := sql.Open(p.driver(), admin)
		if err != nil {
			return err
		}
		defer db.Close()
		_, err = db.ExecContext(ctx, statement)
		return err
	}
	p.remove = func() error { return once(context.WithoutCancel(ctx), drop) }
	return once(ctx, create)
}

func (p *place) driver() string {
	return map[string]string{"sqlite": "sqlite", "postgres": "pgx", "mariadb": "mysql"}[p.Kind]
}

func (p *place) dialect() sqlstore.Dialect {
	return map[string]sqlstore.Dialect{"sqlite": sqlstore.SQLite, "postgres": sqlstore.PostgreSQL, "mariadb": sqlstore.MySQL}[p.Kind]
}

func (p *place) migrate(ctx context.Context) error {
	db, err := sql.Open(p.driver(), p.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	migrations, err := sqlstore.Migrations(p.dialect(), sqlstore.Config{Schema: p.Schema})
	if err != nil {
		return err
	}
	for _, m := range migrations {
		for statement := range strings.SplitSeq(m.Up(), ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
	}
	return nil
}

// An opened is a store with what has to be closed after it.
type opened struct {
	session.Store

	db      *sql.DB   // nil for those without
	refused *refusals // what the server said no to; PostgreSQL only
}

// maxConns is how many connections one process makes to a database.
const maxConns = 10

func (p *place) open(ctx context.Context) (opened, error) {
	switch p.Kind {
	case "memory":
		return opened{Store: memstore.New(memstore.Config{})}, nil
	case "file":
		s, err := filestore.Open(p.DSN, filestore.Config{})
		return opened{Store: s}, err
	}
	if p.Kind == "mariadb" {
		_ = mysql.SetLogger(&mysql.NopLogger{}) // it tells of every connection that breaks
	}
	db, refused, err := p.connect()
	if err != nil {
		return opened{}, err
	}
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	s, err := sqlstore.New(db, p.dialect(), sqlstore.Config{Schema: p.Schema, DriverTimeout: p.GivesUp})
	if err == nil {
		err = s.Check(ctx)
	}
	if err != nil {
		return opened{}, errors.Join(err, db.Close())
	}
	return opened{s, db, refused}, nil
}

func (p *place) connect() (*sql.DB, *refusals, error) {
	if p.Kind != "postgres" {
		db, err := sql.Open(p.driver(), p.DSN)
		return db, nil, err
	}
	cfg, err := pgx.ParseConfig(p.DSN)
	if err != nil {
		return nil, nil, err
	}
	seen := &refusals{}
	cfg.Tracer = seen
	return stdlib.OpenDB(*cfg), seen, nil
}

func (o opened) close() error {
	var errs []error
	if c, ok := o.Store.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if o.db != nil {
		errs = append(errs, o.db.Close())
	}
	return errors.Join(errs...)
}

// wait lets some time pass, which here is part of the experiment and never a way to
// wait for something.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
