package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/pressly/goose/v3"
)

// application is a program for scripts. It runs the migrations of a folder with goose itself,
// as applications do, and prints the files that it ran.
func application() {
	driver, dsn := os.Getenv("DB_CONNECTIONS__MAIN__DRIVER"), os.Getenv("DB_CONNECTIONS__MAIN__DSN")
	dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres, "mysql": goose.DialectMySQL}[driver]
	if driver == "postgres" {
		driver = "pgx"
	}
	db, err := sql.Open(driver, dsn)
	if err == nil {
		err = errors.Join(up(dialect, db, os.Args[1]), db.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "application:", err)
		os.Exit(1)
	}
}

func up(dialect goose.Dialect, db *sql.DB, dir string) error {
	provider, err := goose.NewProvider(dialect, db, os.DirFS(dir))
	if err != nil {
		return err
	}
	ran, err := provider.Up(context.Background())
	for _, r := range ran {
		fmt.Println("ran", path.Base(r.Source.Path))
	}
	return err
}
