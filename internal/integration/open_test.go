// Package integration tests every store on real databases, with every driver that the
// documentation names. It is a module of its own and is not released, so that the
// library does not depend on drivers.
package integration

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"
	_ "modernc.org/sqlite"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/sqlstore"
)

// A database is a kind of database through one driver.
type database struct {
	name    string
	dialect sqlstore.Dialect
	driver  string
	place   func(tb testing.TB) place
}

// A place is an empty database or schema, which is dropped after the test.
type place struct {
	driver, dsn string
	schema      string // "" for the default of the connection
	conns       int    // 0 means many
	unprepared  bool   // the store prepares nothing
}

var databases = []database{
	{"sqlite-modernc", sqlstore.SQLite, "sqlite", sqliteFile("sqlite", "?_pragma=busy_timeout(100)")},
	{"sqlite-modernc-bare", sqlstore.SQLite, "sqlite", sqliteFile("sqlite", "")},
	{"sqlite-modernc-memory", sqlstore.SQLite, "sqlite", sqliteMemory("sqlite")},
	{"sqlite-mattn", sqlstore.SQLite, "sqlite3", sqliteFile("sqlite3", "?_busy_timeout=100")},
	{"sqlite-mattn-memory", sqlstore.SQLite, "sqlite3", sqliteMemory("sqlite3")},
	{"postgres-pgx", sqlstore.PostgreSQL, "pgx", postgresSchema("pgx")},
	{"postgres-pgx-exec", sqlstore.PostgreSQL, "pgx", postgresMode("pgx", "exec")},
	{"postgres-pgxpool", sqlstore.PostgreSQL, pgxPool, postgresSchema(pgxPool)},
	{"postgres-pgxpool-exec", sqlstore.PostgreSQL, pgxPool, postgresMode(pgxPool, "exec")},
	{"postgres-pgxpool-simple", sqlstore.PostgreSQL, pgxPool, postgresMode(pgxPool, "simple_protocol")},
	{"postgres-pq", sqlstore.PostgreSQL, "postgres", postgresSchema("postgres")},
	{"mysql", sqlstore.MySQL, "mysql", mysqlDatabase(false)},
	{"mysql-found-rows", sqlstore.MySQL, "mysql", mysqlDatabase(true)},
}

// pgxPool selects pgxstore; the other names are drivers of database/sql.
const pgxPool = "pgxpool"

// A sessionStore is what sqlstore and pgxstore have in common.
type sessionStore interface {
	session.Store
	session.Toucher
	session.Pruner
	session.Lister
	session.OwnerLister
	Check(ctx context.Context) error
	Warnings(ctx context.Context) ([]string, error)
	Close() error
}

// each runs a test on every database for which ok is true.
func each(t *testing.T, ok func(database) bool, test func(*testing.T, database)) {
	for _, d := range databases {
		if ok(d) {
			t.Run(d.name, func(t *testing.T) { test(t, d) })
		}
	}
}

func all(database) bool { return true }

// eachDriver selects one database for each driver, with its default settings. It is for tests of
// what is the same for all settings, such as what a manager does.
func eachDriver(d database) bool {
	return slices.Contains([]string{"sqlite-modernc", "sqlite-mattn", "postgres-pgx", "postgres-pgxpool", "postgres-pq", "mysql"}, d.name)
}

// eachServer selects one database for each dialect, for tests of what is the same for all
// drivers, such as the fallback.
func eachServer(d database) bool {
	return slices.Contains([]string{"sqlite-modernc", "postgres-pgxpool", "mysql"}, d.name)
}

func sqliteFile(driver, options string) func(testing.TB) place {
	return func(tb testing.TB) place {
		return place{driver: driver, dsn: "file:" + filepath.Join(tb.TempDir(), "test.db") + options}
	}
}

func sqliteMemory(driver string) func(testing.TB) place {
	return func(testing.TB) place { return place{driver: driver, dsn: ":memory:", conns: 1} }
}

func postgresSchema(driver string) func(testing.TB) place {
	return func(tb testing.TB) place {
		tb.Helper()
		p := place{driver: driver, dsn: testserver.DSN(tb, testserver.Postgres), schema: testserver.Name()}
		db := p.connect(tb)
		mustExec(tb, db, `CREATE SCHEMA "`+p.schema+`"`)
		tb.Cleanup(func() { mustExec(tb, db, `DROP SCHEMA "`+p.schema+`" CASCADE`) })
		return p
	}
}

// postgresMode returns a place where pgx sends statements in one of its modes, such as
// without preparing them.
func postgresMode(driver, mode string) func(testing.TB) place {
	return func(tb testing.TB) place {
		tb.Helper()
		p := postgresSchema(driver)(tb)
		u, err := url.Parse(p.dsn)
		if err != nil {
			tb.Fatal(err)
		}
		q := u.Query()
		q.Set("default_query_exec_mode", mode)
		u.RawQuery = q.Encode()
		p.dsn = u.String()
		return p
	}
}

func mysqlDatabase(foundRows bool) func(testing.TB) place {
	return func(tb testing.TB) place {
		tb.Helper()
		p := place{driver: "mysql", dsn: testserver.DSN(tb, testserver.MySQL)}
		name := testserver.Name()
		admin := p.connect(tb)
		mustExec(tb, admin, "CREATE DATABASE `"+name+"`")
		tb.Cleanup(func() { mustExec(tb, admin, "DROP DATABASE `"+name+"`") })
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			tb.Fatal(err)
		}
		cfg.DBName, cfg.ClientFoundRows = name, foundRows
		p.dsn = cfg.FormatDSN()
		return p
	}
}

// connect opens a pool and closes it after the test.
func (p place) connect(tb testing.TB) *sql.DB {
	tb.Helper()
	conns := p.conns
	if conns == 0 {
		conns = 20
	}
	if p.driver == pgxPool {
		return connectPool(tb, p.dsn, conns)
	}
	db, err := sql.Open(p.driver, p.dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db
}

// pools maps each database from connectPool to its pool of pgx.
var pools sync.Map // *sql.DB to *pgxpool.Pool

// connectPool opens a pool of pgx and returns it as a *sql.DB, for the statements of
// the tests themselves.
func connectPool(tb testing.TB, dsn string, conns int) *sql.DB {
	tb.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	cfg.MaxConns = int32(conns)
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	db := stdlib.OpenDBFromPool(pool)
	pools.Store(db, pool)
	tb.Cleanup(func() {
		db.Close()
		pool.Close()
		pools.Delete(db)
	})
	return db
}

// poolOf returns the pool of pgx behind a database, or nil.
func poolOf(db *sql.DB) *pgxpool.Pool {
	pool, _ := pools.Load(db)
	p, _ := pool.(*pgxpool.Pool)
	return p
}

// newStore returns a pgxstore if db is on a pool of pgx, otherwise a sqlstore.
func newStore(db *sql.DB, d sqlstore.Dialect, cfg sqlstore.Config) (sessionStore, error) {
	if pool := poolOf(db); pool != nil {
		return pgxstore.New(pool, pgxstore.Config{Schema: cfg.Schema, Table: cfg.Table})
	}
	return sqlstore.New(db, d, cfg)
}

// table creates a new table with the migration and returns its configuration.
func (p place) table(tb testing.TB, db *sql.DB, d sqlstore.Dialect) sqlstore.Config {
	tb.Helper()
	cfg := sqlstore.Config{Schema: p.schema, Table: fmt.Sprintf("sessions_%d", tables.Add(1)), Unprepared: p.unprepared}
	migrate(tb, db, d, cfg)
	return cfg
}

var tables atomic.Int64

func migrate(tb testing.TB, db *sql.DB, d sqlstore.Dialect, cfg sqlstore.Config) {
	tb.Helper()
	migrations, err := sqlstore.Migrations(d, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	for _, m := range migrations {
		for _, statement := range m.Statements() {
			mustExec(tb, db, statement)
		}
	}
}

func open(tb testing.TB, db *sql.DB, d sqlstore.Dialect, cfg sqlstore.Config) sessionStore {
	tb.Helper()
	s, err := newStore(db, d, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := s.Check(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return s
}

// store returns a store on a new table.
func (d database) store(tb testing.TB) sessionStore {
	tb.Helper()
	p := d.place(tb)
	db := p.connect(tb)
	return open(tb, db, d.dialect, p.table(tb, db, d.dialect))
}

func mustExec(tb testing.TB, db *sql.DB, statement string, args ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}
