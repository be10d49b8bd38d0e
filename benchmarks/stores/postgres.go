package stores

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	scspgx "github.com/alexedwards/scs/pgxstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/sqlstore"
)

// PostgreSQL uses the server at a URL through database/sql, with its default durability
// settings. Each peer gets its own schema.
func PostgreSQL(server string) bench.Store {
	return bench.Store{Name: "PostgreSQL", Peers: []bench.Peer{
		postgresRaw(server, "raw"),
		{Name: "session", Open: func() (bench.Server, error) {
			dsn, err := postgresSchema(server, "ours")
			if err != nil {
				return nil, err
			}
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				return nil, err
			}
			pool(db)
			return sqlServer(db, sqlstore.PostgreSQL)
		}},
		{Name: "scs", Skips: lastWins, Open: func() (bench.Server, error) {
			pool, err := postgresPool(server, "scs")
			if err != nil {
				return nil, err
			}
			_, err = pool.Exec(context.Background(), "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL); CREATE INDEX sessions_expiry ON sessions (expiry)")
			if err != nil {
				return nil, err
			}
			return peers.SCS(scspgx.NewWithCleanupInterval(pool, 0), func() error { pool.Close(); return nil })
		}},
	}}
}

// PostgreSQLPool uses the same server through pgxstore.
func PostgreSQLPool(server string) bench.Store {
	return bench.Store{Name: "PostgreSQL, pgxstore", Peers: []bench.Peer{
		postgresRaw(server, "pool_raw"),
		{Name: "session", Open: func() (bench.Server, error) {
			store, closer, err := newPGXStore(server, "pool_ours")
			if err != nil {
				return nil, err
			}
			return peers.Ours(store, closer)
		}},
	}}
}

func postgresRaw(server, schema string) bench.Peer {
	return bench.Peer{Name: "raw", Open: func() (bench.Server, error) {
		pool, err := postgresPool(server, schema)
		if err != nil {
			return nil, err
		}
		_, err = pool.Exec(context.Background(), "CREATE TABLE sessions (id bytea PRIMARY KEY, data bytea NOT NULL)")
		if err != nil {
			return nil, err
		}
		return peers.Raw(postgresTable{pool})
	}}
}

// newPGXStore returns a store in an empty schema, and a function that closes its pool.
func newPGXStore(server, schema string) (*pgxstore.Store, func() error, error) {
	ctx := context.Background()
	pool, err := postgresPool(server, schema)
	if err != nil {
		return nil, nil, err
	}
	closer := func() error { pool.Close(); return nil }
	migrations, err := sqlstore.Migrations(sqlstore.PostgreSQL, sqlstore.Config{})
	for _, m := range migrations {
		for _, statement := range m.Statements() {
			if err == nil {
				_, err = pool.Exec(ctx, statement)
			}
		}
	}
	var store *pgxstore.Store
	if err == nil {
		store, err = pgxstore.New(pool, pgxstore.Config{})
	}
	if err == nil {
		err = store.Check(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, closer())
	}
	return store, closer, nil
}

// postgresSchema creates an empty schema and returns a URL that selects it.
func postgresSchema(server, name string) (string, error) {
	name = "bench_" + name
	ctx := context.Background()
	c, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	_, err = c.Exec(ctx, fmt.Sprintf("DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", name, name))
	if err = errors.Join(err, c.Close(ctx)); err != nil {
		return "", err
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func postgresPool(server, schema string) (*pgxpool.Pool, error) {
	dsn, err := postgresSchema(server, schema)
	if err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = bench.Clients
	return pgxpool.NewWithConfig(context.Background(), cfg)
}

// postgresTable is raw on pgx, which prepares each statement once per connection.
type postgresTable struct{ pool *pgxpool.Pool }

func (t postgresTable) Load(id [16]byte) (data []byte, err error) {
	err = t.pool.QueryRow(context.Background(), "SELECT data FROM sessions WHERE id = $1", id[:]).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		err = peers.ErrAbsent
	}
	return data, err
}

func (t postgresTable) Save(id [16]byte, data []byte) error {
	_, err := t.pool.Exec(context.Background(),
		"INSERT INTO sessions (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data", id[:], data)
	return err
}

func (t postgresTable) Close() error {
	t.pool.Close()
	return nil
}
