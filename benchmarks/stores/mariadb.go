package stores

import (
	"database/sql"
	"errors"

	"github.com/alexedwards/scs/mysqlstore"
	"github.com/go-sql-driver/mysql"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/sqlstore"
)

// MariaDB uses the server at a DSN of go-sql-driver, with its default durability settings.
// Each peer gets its own database.
func MariaDB(server string) bench.Store {
	return bench.Store{Name: "MariaDB", Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) {
			db, err := mariaDatabase(server, "raw")
			if err != nil {
				return nil, err
			}
			t, err := newTable(db, db,
				"CREATE TABLE sessions (id BINARY(16) PRIMARY KEY, data LONGBLOB NOT NULL) ENGINE = InnoDB",
				"SELECT data FROM sessions WHERE id = ?",
				"INSERT INTO sessions (id, data) VALUES (?, ?) ON DUPLICATE KEY UPDATE data = VALUES(data)")
			if err != nil {
				return nil, err
			}
			return peers.Raw(t)
		}},
		{Name: "session", Open: func() (bench.Server, error) {
			db, err := mariaDatabase(server, "ours")
			if err != nil {
				return nil, err
			}
			return sqlServer(db, sqlstore.MySQL)
		}},
		{Name: "scs", Skips: lastWins, Open: func() (bench.Server, error) {
			db, err := mariaDatabase(server, "scs")
			if err != nil {
				return nil, err
			}
			_, err = db.Exec("CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL, KEY sessions_expiry (expiry)) ENGINE = InnoDB")
			if err != nil {
				return nil, err
			}
			return peers.SCS(mysqlstore.NewWithCleanupInterval(db, 0), db.Close)
		}},
	}}
}

func mariaDatabase(server, name string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		return nil, err
	}
	admin, err := sql.Open("mysql", server)
	if err != nil {
		return nil, err
	}
	_, err = admin.Exec("DROP DATABASE IF EXISTS bench_" + name)
	if err == nil {
		_, err = admin.Exec("CREATE DATABASE bench_" + name + " CHARACTER SET utf8mb4")
	}
	if err = errors.Join(err, admin.Close()); err != nil {
		return nil, err
	}
	cfg.DBName = "bench_" + name
	db, err := sql.Open("mysql", cfg.FormatDSN())
	if err == nil {
		pool(db)
	}
	return db, err
}
