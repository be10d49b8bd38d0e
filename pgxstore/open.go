package pgxstore

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session"
)

// An OpenConfig says how [Open] connects, and names the table. The option WithPostgres of
// sessionconfig requires exactly these fields.
type OpenConfig struct {
	// DSN is the address of the database, in a form that [pgxpool.ParseConfig] accepts.
	DSN string

	// MaxConns is the maximum number of connections. Defaults to pool_max_conns of the
	// DSN, and without it to the default of pgxpool.
	MaxConns int

	// MaxConnLifetime is the age at which a connection is replaced. Defaults to
	// pool_max_conn_lifetime of the DSN, and without it to the default of pgxpool.
	// Negative: never.
	MaxConnLifetime time.Duration

	// MaxConnIdleTime is the time after which an idle connection is closed. Defaults to
	// pool_max_conn_idle_time of the DSN, and without it to the default of pgxpool.
	// Negative: never.
	MaxConnIdleTime time.Duration

	// Schema and Table name the table, as the fields of [Config] do.
	Schema string
	Table  string
}

// never is longer than a connection lasts.
const never = time.Duration(math.MaxInt64)

// Open connects to a database and returns a store on a pool of its own, which
// [Store.Close] closes. When it returns, the database has answered; call [Store.Check]
// before serving. ctx limits how long Open may take.
//
// It fails for invalid fields (each as a [*session.ConfigError]), and if the database does
// not answer.
//
// With [New] instead, the program makes the pool, which it can use for other purposes too.
// To take the settings from files and variables, pass Open to sessionconfig.WithPostgres.
func Open(ctx context.Context, cfg OpenConfig) (*Store, error) {
	pool, err := cfg.pool(ctx)
	if err != nil {
		return nil, err
	}
	s, err := New(pool, Config{Schema: cfg.Schema, Table: cfg.Table})
	if err != nil {
		pool.Close()
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("session: %w", err)
	}
	s.ownsPool = true
	return s, nil
}

// pool returns a pool that has not connected yet.
func (c *OpenConfig) pool(ctx context.Context) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	if c.MaxConns < 0 || c.MaxConns > math.MaxInt32 {
		return nil, &session.ConfigError{Field: "MaxConns", Value: c.MaxConns, Reason: fmt.Sprintf("use 1 to %d, or 0 for the default", math.MaxInt32)}
	}
	if c.MaxConns > 0 {
		pc.MaxConns = int32(c.MaxConns)
	}
	pc.MaxConnLifetime = orDefault(c.MaxConnLifetime, pc.MaxConnLifetime)
	pc.MaxConnIdleTime = orDefault(c.MaxConnIdleTime, pc.MaxConnIdleTime)
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return pool, nil
}

func orDefault(d, def time.Duration) time.Duration {
	switch {
	case d == 0:
		return def
	case d < 0:
		return never
	}
	return d
}
