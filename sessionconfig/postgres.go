package sessionconfig

import (
	"context"
	"fmt"
	"net/url"
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
	dsn := c.dsn(root)
	pool := [][2]string{
		{"pool_max_conns", fmt.Sprint(s.number("max_open"))},
		{"pool_max_conn_lifetime", lifetime.String()},
		{"pool_max_conn_idle_time", idle.String()},
	}
	if !s.yes("prepare") {
		pool = append(pool, [2]string{"default_query_exec_mode", "exec"})
	}
	isURL := strings.Contains(dsn, "://")
	for i, p := range pool {
		switch {
		case !isURL:
			dsn += " " + p[0] + "='" + p[1] + "'"
		case i == 0 && !strings.Contains(dsn, "?"):
			dsn += "?" + p[0] + "=" + url.QueryEscape(p[1])
		default:
			dsn += "&" + p[0] + "=" + url.QueryEscape(p[1])
		}
	}
	return dsn
}
