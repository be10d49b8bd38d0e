package main

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/expanse-go/session/internal/testserver"
)

// TestServers runs testdata/servers with every dialect: the store accepts the table that beam
// creates, and several processes can create it at once.
func TestServers(t *testing.T) {
	onServers(t, "servers")
}

// TestField23Goose migrates a database together with an application that uses goose itself,
// and with a second project.
func TestField23Goose(t *testing.T) {
	onServers(t, "goose")
}

// onServers runs the scripts in a folder of testdata with a new database of every dialect.
func onServers(t *testing.T, dir string) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		onServer(t, dir, "sqlite", sqliteFile(t), "")
	})
	t.Run("postgres", func(t *testing.T) {
		server := postgres(t)
		server.Path = "/" + createDatabase(t, "pgx", server.String(), `"`)
		onServer(t, dir, "postgres", server.String(), "")
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mariadb(t)
		cfg.DBName = createDatabase(t, "mysql", cfg.FormatDSN(), "`")
		onServer(t, dir, "mysql", cfg.FormatDSN(), "")
	})
}

// TestField20Schema migrates with a schema, as a role that may not create anything in the
// schema public of PostgreSQL, and with another database of MySQL.
func TestField20Schema(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		onServer(t, "schema", "sqlite", sqliteFile(t), "main")
	})
	t.Run("postgres", func(t *testing.T) {
		server := postgres(t)
		server.Path = "/" + createDatabase(t, "pgx", server.String(), `"`)
		role := testserver.Name()
		db, err := sql.Open("pgx", server.String())
		if err != nil {
			t.Fatal(err)
		}
		exec := func(statement string) {
			t.Helper()
			if _, err := db.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
		t.Cleanup(func() {
			exec("DROP OWNED BY " + role)
			exec("DROP ROLE " + role)
			db.Close()
		})
		exec("CREATE ROLE " + role + " LOGIN PASSWORD 'secret'")
		exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC") // the default since PostgreSQL 15
		exec("CREATE SCHEMA web AUTHORIZATION " + role)
		server.User = url.UserPassword(role, "secret")
		onServer(t, "schema", "postgres", server.String(), "web")
	})
	t.Run("mysql", func(t *testing.T) {
		cfg := mariadb(t)
		other := createDatabase(t, "mysql", cfg.FormatDSN(), "`")
		cfg.DBName = createDatabase(t, "mysql", cfg.FormatDSN(), "`")
		onServer(t, "schema", "mysql", cfg.FormatDSN(), other)
	})
}

func onServer(t *testing.T, dir, driver, dsn, schema string) {
	t.Helper()
	testscript.Run(t, params(dir, map[string]string{
		"DB_CONNECTIONS__MAIN__DRIVER":     driver,
		"DB_CONNECTIONS__MAIN__DSN":        dsn,
		"SESSION_STORES__DATABASE__SCHEMA": schema,
	}))
}

// TestRedis runs the commands on a Redis server, and the demo with one variable.
func TestRedis(t *testing.T) {
	server := testserver.DSN(t, testserver.Redis)
	wrong, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	wrong.User = url.UserPassword("nobody", "hunter2")
	testscript.Run(t, params("redis", map[string]string{
		"REDIS_CONNECTIONS__MAIN__URL":  server,
		"SESSION_STORES__REDIS__PREFIX": testserver.Name() + ":",
		"WRONG_URL":                     wrong.String(),
	}))
	t.Run("demo", func(t *testing.T) {
		t.Setenv("REDIS_CONNECTIONS__MAIN__URL", server)
		d := startDemo(t, "--store", "redis", "--dir", t.TempDir())
		d.end(t, os.Interrupt)
	})
}

func sqliteFile(t *testing.T) string {
	t.Helper()
	return "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "app.db")) + "?_pragma=busy_timeout(5000)"
}

func postgres(t *testing.T) *url.URL {
	t.Helper()
	server, err := url.Parse(testserver.DSN(t, testserver.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func mariadb(t *testing.T) *mysql.Config {
	t.Helper()
	cfg, err := mysql.ParseDSN(testserver.DSN(t, testserver.MySQL))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
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
