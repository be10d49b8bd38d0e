package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/expanse-go/session/internal/sqltable"
)

// A sending is how a store sends its statements:
//
//	SQLite, MySQL          prepared
//	PostgreSQL, pgx        byDriver
//	            lib/pq     unsure ── Check finds no pooler ─▶ prepared
//	            others     prepared
//	Config.Unprepared      unprepared, but ignored for SQLite and pgx
//
//	unsure or prepared  ── Check finds a pooler, or ───────▶ pooled
//	                       a statement is lost
//
// A pooler is one that loses prepared statements. Only PostgreSQL has them.
//
// lib/pq gives the same few names to the statements of every connection. Behind a pooler
// that hands a server to one client after the other, a load could run somebody else's
// statement. So nothing is prepared before Check has found that there is none.
type sending int32

const (
	prepared   sending = iota // by database/sql, once for each connection
	byDriver                  // as the driver does it: pgx prepares, or not, as it was told
	unprepared                // with the arguments in the text, as the two below
	unsure
	pooled
)

func sendingOf(db *sql.DB, d *sqltable.Dialect, cfg Config) sending {
	driver := ""
	if d == sqltable.PostgreSQL {
		driver = strings.TrimPrefix(fmt.Sprintf("%T", db.Driver()), "*")
	}
	switch {
	case d.InProcess:
		return prepared
	case driver == "stdlib.Driver": // pgx
		return byDriver
	case cfg.Unprepared:
		return unprepared
	case driver == "pq.Driver":
		return unsure
	}
	return prepared
}

func (s *Store) sends() sending { return sending(s.sending.Load()) }

// A queryer is a pool, a connection or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// direct passes a statement to the driver.
type direct struct {
	on   queryer
	text string
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, args...)
}

func (d direct) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, d.text, args...)
}

func (d direct) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return d.on.QueryRowContext(ctx, d.text, args...)
}

// inline sends a statement with its arguments in the text. The drivers' own ways to send
// a statement with arguments prepare it for a moment.
type inline struct {
	dialect *sqltable.Dialect
	on      queryer
	text    string
}

func (i inline) full(args []any) string { return i.dialect.Inline(i.text, args) }

func (i inline) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return i.on.ExecContext(ctx, i.full(args))
}

func (i inline) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return i.on.QueryContext(ctx, i.full(args))
}

func (i inline) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return i.on.QueryRowContext(ctx, i.full(args))
}
