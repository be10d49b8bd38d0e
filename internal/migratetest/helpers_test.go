package migratetest

import (
	"context"
	"database/sql"
	"iter"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/sessionmigrate"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func statement(t *testing.T, db *sql.DB, text string, args ...any) {
	t.Helper()
	if _, err := db.Exec(text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// one is an old store with one record.
type one []byte

func (o one) Load(_ context.Context, key string) (sessionmigrate.Record, error) {
	return sessionmigrate.Record{Key: key, Data: o}, nil
}

func (o one) List(context.Context) iter.Seq2[sessionmigrate.Record, error] {
	return func(yield func(sessionmigrate.Record, error) bool) {
		yield(sessionmigrate.Record{Key: "x", Data: o}, nil)
	}
}

// newDatabase creates a database for one test, on a server.
func newDatabase(t *testing.T, driver, dsn, quote string) (db *sql.DB, own string) {
	t.Helper()
	name := testserver.Name()
	admin, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	statement(t, admin, "CREATE DATABASE "+quote+name+quote)
	if driver == "mysql" {
		cfg, err := mysql.ParseDSN(dsn)
		if err != nil {
			t.Fatal(err)
		}
		cfg.DBName, cfg.ParseTime = name, true
		own = cfg.FormatDSN()
	} else {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + name
		own = u.String()
	}
	db, err = sql.Open(driver, own)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		statement(t, admin, "DROP DATABASE "+quote+name+quote)
		admin.Close()
	})
	return db, own
}
