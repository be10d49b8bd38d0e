package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open connects to a database, waits until it answers, and returns a store with a pool of its
// own, which [Store.Close] closes. Call [Store.Check] before serving. ctx limits how long Open
// may take.
//
// The DSN can also configure the pool, for instance with pool_max_conns and
// pool_max_conn_lifetime; see [pgxpool.ParseConfig]. The schema and table are those of
// [Config]; "" means the default.
//
// To use the pool for other purposes too, create it yourself and call [New]. To read the
// settings from files and variables, pass Open to sessionconfig.WithPostgres.
func Open(ctx context.Context, dsn, schema, table string) (*Store, error) {
	pool, err := pgxpool.New(ctx, dsn)
	if parse := (*pgconn.ParseConfigError)(nil); errors.As(err, &parse) {
		return nil, fmt.Errorf("session: the DSN is not valid: %s", reason(parse))
	}
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s, err := New(pool, Config{Schema: schema, Table: table})
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

// reason returns the text of err without the DSN, in which pgx hides only the passwords that
// it recognizes, and without the part that does not parse, which may belong to one.
func reason(err *pgconn.ParseConfigError) string {
	text := err.Error()
	text = text[strings.LastIndex(text, "`: ")+1:]
	text = strings.TrimPrefix(text, ": ")
	if short, cause, _ := strings.Cut(text, " ("); strings.ContainsAny(cause, "\"'") {
		return short
	}
	return text
}
