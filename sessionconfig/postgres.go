package sessionconfig

import (
	"context"
	"time"

	"github.com/expanse-go/session"
)

// WithPostgres makes the database store use pgxstore, instead of a driver of
// [database/sql], if its connection is a PostgreSQL database:
//
//	sessionconfig.Open(ctx, "config", sessionconfig.WithPostgres(pgxstore.Open))
//
// All settings keep their meaning. The DSN contains the address, the password and the
// options of the connection, such as sslmode; MaxConns is max_open, and MaxConnLifetime is
// max_lifetime. Idle connections stay open. The manager's Close closes the connections.
//
// The store then needs no driver of [database/sql], but [Config.OpenDB] still does.
//
// C must have exactly the fields of pgxstore.OpenConfig, and S the methods of
// *pgxstore.Store that are listed here. This package cannot name these types, because it
// does not import pgx.
func WithPostgres[C ~struct {
	DSN             string
	MaxConns        int
	MaxConnLifetime time.Duration
	MaxConnIdleTime time.Duration
	Schema          string
	Table           string
}, S interface {
	session.Store
	Check(ctx context.Context) error
	Close() error
}](open func(context.Context, C) (S, error)) Option {
	return func(l *loader) {
		l.postgres = func(ctx context.Context, cfg postgresConfig) (postgresStore, error) {
			store, err := open(ctx, C(cfg))
			if err != nil {
				return nil, err
			}
			return store, nil
		}
	}
}

// postgresConfig has the fields of C in WithPostgres.
type postgresConfig struct {
	DSN             string
	MaxConns        int
	MaxConnLifetime time.Duration
	MaxConnIdleTime time.Duration
	Schema          string
	Table           string
}

// postgresStore has the methods of S in WithPostgres.
type postgresStore interface {
	session.Store
	Check(ctx context.Context) error
	Close() error
}

// openPostgres opens the database store with the function registered with WithPostgres.
func (c *Config) openPostgres(ctx context.Context, con Connection) (session.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	s, table := &con.details.settings, c.Table()
	store, err := c.postgres(ctx, postgresConfig{
		DSN:             con.details.dsn(c.base),
		MaxConns:        s.number("max_open"),
		MaxConnLifetime: s.duration("max_lifetime"),
		MaxConnIdleTime: -1, // never
		Schema:          table.Schema,
		Table:           table.Table,
	})
	switch {
	case len(configErrors(err)) > 0:
		return nil, c.tableMistakes(con, err)
	case err != nil:
		return nil, con.details.noAnswer(c.base, err)
	}
	if err := store.Check(ctx); err != nil {
		store.Close()
		return nil, c.tableMistakes(con, err)
	}
	return store, nil
}
