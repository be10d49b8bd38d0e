package stores

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/sqlstore"
)

// A location is where a store is, so that several processes can open it.
type location struct {
	Kind string // "file", "sqlite", "postgres"
	Name string // path of a directory, or data source name
	// Driver is the SQLite driver, as in the flag -sqlite.
	Driver string
}

// newLocation creates an empty location: a directory, a file or a schema.
func newLocation(kind, dir, driver, server string) (location, error) {
	loc := location{Kind: kind, Driver: driver}
	switch kind {
	case "postgres":
		dsn, err := postgresSchema(server, "location")
		loc.Name = dsn
		return loc, err
	case "sqlite":
		folder, err := os.MkdirTemp(dir, "sqlite-")
		loc.Name = filepath.Join(folder, "bench.db")
		return loc, err
	default:
		folder, err := os.MkdirTemp(dir, "file-")
		loc.Name = filepath.Join(folder, "sessions")
		return loc, err
	}
}

// title returns the name of the store in the tables.
func (loc location) title() string {
	return map[string]string{"file": "file", "sqlite": "SQLite FULL", "postgres": "PostgreSQL"}[loc.Kind]
}

func (loc location) dialect() sqlstore.Dialect {
	if loc.Kind == "sqlite" {
		return sqlstore.SQLite
	}
	return sqlstore.PostgreSQL
}

// open opens the store, whose table must exist. done closes the database.
func (loc location) open() (store session.Store, done func() error, err error) {
	if loc.Kind == "file" {
		s, err := filestore.Open(loc.Name, filestore.Config{})
		return s, func() error { return nil }, err // the manager closes the store
	}
	db, err := loc.connect()
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlstore.New(db, loc.dialect(), sqlstore.Config{})
	if err == nil {
		err = s.Check(context.Background())
	}
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return s, db.Close, nil
}

func (loc location) connect() (*sql.DB, error) {
	if loc.Kind == "sqlite" {
		db, err := sql.Open(sqliteDriver(loc.Driver), sqliteDSN(loc.Name, loc.Driver, "FULL"))
		if err == nil {
			pool(db)
		}
		return db, err
	}
	db, err := sql.Open("pgx", loc.Name)
	if err == nil {
		pool(db)
	}
	return db, err
}

// remove deletes the data, to free the disk for the next location.
func (loc location) remove() error {
	if loc.Kind != "postgres" {
		return os.RemoveAll(filepath.Dir(loc.Name))
	}
	db, err := loc.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("DROP TABLE sessions"); err != nil {
		return err
	}
	// A checkpoint frees the write-ahead log, which is large after millions of rows.
	if _, err = db.Exec("CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
