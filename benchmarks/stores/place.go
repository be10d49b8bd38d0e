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
type place struct {
	Kind string // "file", "sqlite", "postgres"
	Name string // path of a directory, or data source name
	// Driver is the SQLite driver, as in the flag -sqlite.
	Driver string
}

// newPlace creates an empty location: a directory, a file or a schema.
func newPlace(kind, dir, driver, server string) (place, error) {
	p := place{Kind: kind, Driver: driver}
	switch kind {
	case "postgres":
		dsn, err := postgresSchema(server, "place")
		p.Name = dsn
		return p, err
	case "sqlite":
		folder, err := os.MkdirTemp(dir, "sqlite-")
		p.Name = filepath.Join(folder, "bench.db")
		return p, err
	default:
		folder, err := os.MkdirTemp(dir, "file-")
		p.Name = filepath.Join(folder, "sessions")
		return p, err
	}
}

// title returns the name of the store in the tables.
func (p place) title() string {
	return map[string]string{"file": "file", "sqlite": "SQLite FULL", "postgres": "PostgreSQL"}[p.Kind]
}

func (p place) dialect() sqlstore.Dialect {
	if p.Kind == "sqlite" {
		return sqlstore.SQLite
	}
	return sqlstore.PostgreSQL
}

// open opens the store, whose table must exist. done closes the database.
func (p place) open() (store session.Store, done func() error, err error) {
	if p.Kind == "file" {
		s, err := filestore.Open(p.Name, filestore.Config{})
		return s, func() error { return nil }, err // the manager closes the store
	}
	db, err := p.connect()
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlstore.New(db, p.dialect(), sqlstore.Config{})
	if err == nil {
		err = s.Check(context.Background())
	}
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	return s, db.Close, nil
}

func (p place) connect() (*sql.DB, error) {
	if p.Kind == "sqlite" {
		db, err := sql.Open(sqliteDriver(p.Driver), sqliteDSN(p.Name, p.Driver, "FULL"))
		if err == nil {
			pool(db)
		}
		return db, err
	}
	db, err := sql.Open("pgx", p.Name)
	if err == nil {
		pool(db)
	}
	return db, err
}

// remove deletes the data, to free the disk for the next location.
func (p place) remove() error {
	if p.Kind != "postgres" {
		return os.RemoveAll(filepath.Dir(p.Name))
	}
	db, err := p.connect()
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
