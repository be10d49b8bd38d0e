package sessionconfig

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// WithPostgres makes the database store use pgxstore, instead of a driver of
// [database/sql], if its connection is a PostgreSQL database:
//
//	sessionconfig.Open(ctx, "config", sessionconfig.WithPostgres(pgxstore.Open))
//
// All settings keep their meaning: the DSN contains the address, the password and the
// options of the connection, such as sslmode, and the settings of the pool. The manager's
// Close closes the connections.
//
// The store then needs no driver of [database/sql], but [Config.OpenDB] still does.
func WithPostgres[S session.Store](open func(ctx context.Context, dsn, schema, table string) (S, error)) Option {
	return func(l *loader) {
		l.postgres = func(ctx context.Context, dsn, schema, table string) (session.Store, error) {
			return open(ctx, dsn, schema, table)
		}
	}
}

// openPostgres opens the database store with the function registered with WithPostgres.
func (c *Config) openPostgres(ctx context.Context, con Connection) (session.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	table := c.Table()
	store, err := c.postgres(ctx, con.details.poolDSN(c.base), table.Schema, table.Table)
	switch {
	case len(configErrors(err)) > 0:
		return nil, c.tableMistakes(con, err)
	case err != nil:
		return nil, con.details.noAnswer(c.base, err)
	}
	if checker, ok := session.Capability[interface{ Check(context.Context) error }](store); ok {
		if err := checker.Check(ctx); err != nil {
			if closer, ok := session.Capability[interface{ Close() error }](store); ok {
				_ = closer.Close() // err says more
			}
			return nil, c.tableMistakes(con, err)
		}
	}
	return store, nil
}

// never is longer than a connection lasts.
const never = 10 * 365 * 24 * time.Hour

// poolDSN returns the data source name with the settings of the pool, for pgxpool.
func (c *connection) poolDSN(root string) string {
	s := &c.settings
	lifetime, idle := s.duration("max_lifetime"), s.duration("max_idle_time")
	if lifetime <= 0 {
		lifetime = never
	}
	if idle <= 0 {
		idle = never
	}
	dsn := withOptions(c.dsn(root),
		"pool_max_conns", fmt.Sprint(s.number("max_open")),
		"pool_max_conn_lifetime", lifetime.String(),
		"pool_max_conn_idle_time", idle.String(),
	)
	if !s.yes("prepare") {
		dsn = unprepared(dsn)
	}
	return dsn
}

// unprepared returns the data source name with the option that makes pgx prepare nothing,
// unless the name already says how statements are sent.
func unprepared(dsn string) string {
	const mode = "default_query_exec_mode"
	if strings.Contains(dsn, mode) {
		return dsn
	}
	return withOptions(dsn, mode, "exec")
}

// withOptions returns the data source name with more options: each a name and a value.
func withOptions(dsn string, options ...string) string {
	isURL := strings.Contains(dsn, "://")
	for option := range slices.Chunk(options, 2) {
		name, value := option[0], option[1]
		switch {
		case !isURL:
			dsn += " " + name + "='" + value + "'"
		case !strings.Contains(dsn, "?"):
			dsn += "?" + name + "=" + url.QueryEscape(value)
		default:
			dsn += "&" + name + "=" + url.QueryEscape(value)
		}
	}
	return dsn
}
