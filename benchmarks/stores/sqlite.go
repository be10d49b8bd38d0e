package stores

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	"github.com/alexedwards/scs/sqlite3store"
	_ "github.com/mattn/go-sqlite3" // the driver sqlite3
	_ "modernc.org/sqlite"          // the driver sqlite

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/sqlstore"
)

// SQLite uses database files in dir, with write-ahead log and PRAGMA synchronous NORMAL or
// FULL, through the driver modernc or mattn.
func SQLite(dir, driver, synchronous string) bench.Store {
	open := func() (*sql.DB, string, error) { return openSQLite(dir, driver, synchronous) }
	name := "SQLite " + synchronous
	if driver != "modernc" {
		name += " (" + driver + ")"
	}
	return bench.Store{Name: name, Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) {
			db, dsn, err := open()
			if err != nil {
				return nil, err
			}
			writer, err := sql.Open(sqliteDriver(driver), dsn)
			if err != nil {
				return nil, err
			}
			writer.SetMaxOpenConns(1)
			t, err := newTable(db, writer,
				"CREATE TABLE sessions (id BLOB PRIMARY KEY, data BLOB NOT NULL)",
				"SELECT data FROM sessions WHERE id = ?",
				"INSERT INTO sessions (id, data) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data")
			if err != nil {
				return nil, err
			}
			return peers.Raw(t)
		}},
		{Name: "session", Open: func() (bench.Server, error) {
			db, _, err := open()
			if err != nil {
				return nil, err
			}
			return sqlServer(db, sqlstore.SQLite)
		}},
		{Name: "scs", Skips: lastWins, Open: func() (bench.Server, error) {
			db, _, err := open()
			if err != nil {
				return nil, err
			}
			_, err = db.Exec("CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL); CREATE INDEX sessions_expiry ON sessions (expiry)")
			if err != nil {
				return nil, err
			}
			return peers.SCS(sqlite3store.NewWithCleanupInterval(db, 0), db.Close)
		}},
	}}
}

func sqliteDriver(driver string) string {
	if driver == "mattn" {
		return "sqlite3"
	}
	return "sqlite"
}

func openSQLite(dir, driver, synchronous string) (*sql.DB, string, error) {
	folder, err := os.MkdirTemp(dir, "sqlite-")
	if err != nil {
		return nil, "", err
	}
	dsn := sqliteDSN(filepath.Join(folder, "bench.db"), driver, synchronous)
	db, err := sql.Open(sqliteDriver(driver), dsn)
	if err != nil {
		return nil, "", err
	}
	pool(db)
	return db, dsn, nil
}

func sqliteDSN(file, driver, synchronous string) string {
	if driver == "mattn" {
		return "file:" + file + "?_journal_mode=WAL&_busy_timeout=10000&_synchronous=" + synchronous
	}
	return "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(" + synchronous + ")"
}

// pool allows one connection per client.
func pool(db *sql.DB) {
	db.SetMaxOpenConns(bench.Clients)
	db.SetMaxIdleConns(bench.Clients)
}

// sqlServer returns a server of the library on an empty database.
func sqlServer(db *sql.DB, d sqlstore.Dialect) (bench.Server, error) {
	store, err := newSQLStore(db, d)
	if err != nil {
		return nil, err
	}
	return peers.Ours(store, db.Close)
}

// newSQLStore creates the table in an empty database, and a store on it.
func newSQLStore(db *sql.DB, d sqlstore.Dialect) (*sqlstore.Store, error) {
	if err := migrate(db, d); err != nil {
		return nil, err
	}
	store, err := sqlstore.New(db, d, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	if err := store.Check(context.Background()); err != nil {
		return nil, err
	}
	return store, nil
}

func migrate(db *sql.DB, d sqlstore.Dialect) error {
	migrations, err := sqlstore.Migrations(d, sqlstore.Config{})
	if err != nil {
		return err
	}
	for _, m := range migrations {
		for _, statement := range m.Statements() {
			if _, err := db.Exec(statement); err != nil {
				return err
			}
		}
	}
	return nil
}

// A table is raw on a database, with one prepared SELECT and one prepared upsert.
type table struct {
	db, writer *sql.DB
	load, save *sql.Stmt
}

func newTable(db, writer *sql.DB, create, load, save string) (*table, error) {
	t := &table{db: db, writer: writer}
	_, err := writer.Exec(create)
	if err != nil {
		return nil, err
	}
	var e error
	t.load, err = db.Prepare(load)
	t.save, e = writer.Prepare(save)
	return t, cmp.Or(err, e)
}

func (t *table) Load(id [16]byte) ([]byte, error) {
	var data []byte
	err := t.load.QueryRow(id[:]).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, peers.ErrAbsent
	}
	return data, err
}

func (t *table) Save(id [16]byte, data []byte) error {
	_, err := t.save.Exec(id[:], data)
	return err
}

func (t *table) Close() error {
	return errors.Join(t.load.Close(), t.save.Close(), t.writer.Close(), t.db.Close())
}
