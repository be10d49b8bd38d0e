package pgxstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
	"github.com/expanse-go/session/sqlstore"
)

// Check verifies with a few cheap statements that the store can work: the database answers
// and has the table that [sqlstore.Migrations] creates, the connection has no setting that
// would lose sessions, and the role may read and write the table. Check tries that on a
// session that does not exist. The table may have additional columns with defaults. Check
// reports differences of the table as a [*sqlstore.SchemaError], and a missing schema as a
// [*session.ConfigError]. Call it before serving; otherwise, a missing table makes the first
// request fail.
//
// If Check detects a connection pooler that loses prepared statements, the store stops
// preparing statements.
func (s *Store) Check(ctx context.Context) error {
	s.checkPooler(ctx)
	r, err := s.names.Examine(ctx, s.text, s.ask)
	switch {
	case err != nil:
		return err
	case r.Missing:
		return s.missing(ctx)
	case len(r.Problems) > 0:
		return &sqlstore.SchemaError{Table: s.names.String(), Problems: r.Problems}
	}
	return r.Err(s.names)
}

// missing reports whether the table is missing, or even its schema, in which case a
// migration of the table would fail.
func (s *Store) missing(ctx context.Context) error {
	if schema := s.names.Schema; schema != "" {
		there, err := s.exists(ctx, sqltable.Statement{Text: "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", Args: []any{schema}})
		if err != nil {
			return fmt.Errorf("session: cannot examine the schema %s: %w", schema, err)
		}
		if !there {
			return &session.ConfigError{Field: "Schema", Value: schema,
				Reason: fmt.Sprintf("the schema %s does not exist in the database; create it with: CREATE SCHEMA %q", schema, schema)}
		}
	}
	return &sqlstore.SchemaError{Table: s.names.String()}
}

// Warnings returns settings of the server and of the connection that make the store's writes
// less durable, or slower. Each text explains the effect and says what to do. The store works
// with these settings, so a program can still start.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	_, weak, err := s.names.Settings(ctx, s.ask)
	if s.unprepared.Load() {
		weak = append(weak, sqltable.Pooled)
	}
	return weak, err
}

// ask is a [sqltable.Ask].
func (s *Store) ask(ctx context.Context, st sqltable.Statement, row func(scan func(...any) error) error) error {
	return s.retry(ctx, true, func(ctx context.Context, conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, st.Text, s.args(st.Args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// checkPooler finds out whether there is a pooler between the program and the server that
// loses prepared statements. It needs two connections; with a pool of one, or if none is
// free for long, nothing is known.
func (s *Store) checkPooler(ctx context.Context) {
	switch s.pool.Config().ConnConfig.DefaultQueryExecMode {
	case pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeCacheDescribe:
		return // nothing is prepared
	}
	if s.pool.Config().MaxConns == 1 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sqltable.PoolerTimeout)
	defer cancel()
	one, err := s.pool.Acquire(ctx)
	if err != nil {
		return // what follows finds out why
	}
	defer one.Release()
	two, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer two.Release()
	err = sqltable.KeepsStatements(ctx, poolerConn{one}, poolerConn{two})
	if err != nil && s.names.Dialect.Misnamed(err) {
		s.unprepared.Store(true)
	}
}

// A poolerConn is a [sqltable.PoolerConn].
type poolerConn struct{ *pgxpool.Conn }

func (c poolerConn) Run(ctx context.Context, text string) error {
	_, err := c.Exec(ctx, text)
	return err
}

func (c poolerConn) Backend(ctx context.Context, text string) (pid int64, err error) {
	err = c.QueryRow(ctx, text, pgx.QueryExecModeExec).Scan(&pid)
	return pid, err
}

func (c poolerConn) Prepared(ctx context.Context, text string) (run func(ctx context.Context, args ...any) error, done func(), err error) {
	if _, err := c.Conn.Conn().Prepare(ctx, text, text); err != nil {
		return nil, nil, err
	}
	run = func(ctx context.Context, args ...any) error {
		var sum int64
		return c.QueryRow(ctx, text, args...).Scan(&sum)
	}
	return run, func() { _ = c.Conn.Conn().Deallocate(ctx, text) }, nil // the server may not know it
}
