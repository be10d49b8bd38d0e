package main

import (
	"database/sql"
	"net/url"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/expanse-go/session/internal/testserver"
)

// TestServers runs testdata/servers with every dialect: the store accepts the table that beam
// creates, and several processes can create it at once.
func TestServers(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		onServer(t, "sqlite", "file:app.db?_pragma=busy_timeout(5000)")
	})
	t.Run("postgres", func(t *testing.T) {
		server, err := url.Parse(testserver.DSN(t, testserver.Postgres))
		if err != nil {
			t.Fatal(err)
		}
		name := createDatabase(t, "pgx", server.String(), `"`)
		server.Path = "/" + name
		onServer(t, "postgres", server.String())
	})
	t.Run("mysql", func(t *testing.T) {
		cfg, err := mysql.ParseDSN(testserver.DSN(t, testserver.MySQL))
		if err != nil {
			t.Fatal(err)
		}
		cfg.DBName = createDatabase(t, "mysql", cfg.FormatDSN(), "`")
		onServer(t, "mysql", cfg.FormatDSN())
	})
}

func onServer(t *testing.T, driver, dsn string) {
	t.Helper()
	testscript.Run(t, params("servers", map[string]string{
		"DB_CONNECTIONS__MAIN__DRIVER": driver,
		"DB_CONNECTIONS__MAIN__DSN":    dsn,
	}))
}

// createDatabase creates a database for one test and returns its name.
func createDatabase(t *testing.T, driver, dsn, quote string) string {
	t.Helper()
	name := testserver.Name()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + quote + name + quote); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	if _, err := db.Exec("CREATE DATABASE " + quote + name + quote); err != nil {
		t.Fatal(err)
	}
	return name
}
