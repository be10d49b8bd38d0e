package sqlstore

import (
	"context"
	"database/sql"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/expanse-go/session/internal/sqltable"
)

// A sending is how statements reach the server.
type sending int32

const (
	prepared   sending = iota // prepared by database/sql, once for each connection
	byDriver                  // as the driver does it: pgx prepares, or not, as it was told
	undecided                 // unprepared, once it is known how the driver does that
	unprepared                // see unpreparedOn
)

// A way is how a store sends its statements.
type way struct {
	how  atomic.Int32          // a sending
	mode atomic.Pointer[[]any] // the argument that makes pgx send a statement unprepared
}

// sendingOf decides what can be decided without a connection.
//
// lib/pq gives the same few names to the statements of every connection. Behind a pooler
// that hands a server to one client after the other, a load could run somebody else's
// statement. So nothing is prepared before Check has found that there is none.
func sendingOf(db *sql.DB, d *sqltable.Dialect, cfg Config) sending {
	if d.Misnamed == nil { // no pooler is known that loses statements
		if cfg.Unprepared && !d.InProcess {
			return unprepared
		}
		return prepared
	}
	pgx := isDriver(db, "github.com/jackc/pgx/")
	switch {
	case cfg.Unprepared && pgx:
		return undecided
	case cfg.Unprepared, isDriver(db, "github.com/lib/pq"):
		return unprepared
	case pgx:
		return byDriver
	}
	return prepared
}

func isDriver(db *sql.DB, path string) bool {
	t := reflect.TypeOf(db.Driver())
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t != nil && strings.HasPrefix(t.PkgPath()+"/", path)
}

func (s *Store) sends() sending { return sending(s.way.how.Load()) }

// stopPreparing sends every statement unprepared from now on.
func (s *Store) stopPreparing(ctx context.Context) error {
	if s.sends() == unprepared {
		return nil
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var mode any
	if err := conn.Raw(func(c any) error {
		mode = execMode(c)
		return nil
	}); err != nil {
		return err
	}
	if mode != nil {
		s.way.mode.Store(&[]any{mode})
	}
	s.way.how.Store(int32(unprepared))
	return nil
}

// execMode returns the pgx.QueryExecModeExec of a connection of pgx, or its own mode if
// it does not prepare either; and nil for another driver. It must not import pgx, and
// so asks by name.
func execMode(conn any) any {
	call := func(v reflect.Value, method string) reflect.Value {
		if !v.IsValid() {
			return v
		}
		m := v.MethodByName(method)
		if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
			return reflect.Value{}
		}
		return m.Call(nil)[0]
	}
	config := reflect.Indirect(call(call(reflect.ValueOf(conn), "Conn"), "Config"))
	if config.Kind() != reflect.Struct {
		return nil
	}
	own := config.FieldByName("DefaultQueryExecMode")
	if !own.IsValid() || own.Kind() != reflect.Int32 {
		return nil
	}
	const cacheStatement, describeExec, exec = 1, 3, 4
	mode := reflect.New(own.Type()).Elem()
	mode.SetInt(own.Int())
	if own.Int() == cacheStatement || own.Int() == describeExec {
		mode.SetInt(exec)
	}
	return mode.Interface()
}

// A queryer is a pool, a connection or a transaction.
type queryer interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// unpreparedOn sends a statement without preparing it: pgx does that by itself, for
// others its arguments become part of the text. Their own ways to send a statement with
// arguments prepare it for a moment.
func (s *Store) unpreparedOn(on queryer, text string) sender {
	if mode := s.way.mode.Load(); mode != nil {
		return direct{on, text, *mode}
	}
	return inline{s.names.Dialect, on, text}
}

// direct passes a statement to the driver.
type direct struct {
	on    queryer
	text  string
	first []any // what the driver takes before the arguments
}

func (d direct) args(args []any) []any {
	if len(d.first) == 0 {
		return args
	}
	return append(d.first[:len(d.first):len(d.first)], args...)
}

func (d direct) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return d.on.ExecContext(ctx, d.text, d.args(args)...)
}

func (d direct) QueryContext(ctx context.Context, args ...any) (*sql.Rows, error) {
	return d.on.QueryContext(ctx, d.text, d.args(args)...)
}

func (d direct) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return d.on.QueryRowContext(ctx, d.text, d.args(args)...)
}

// inline sends a statement with its arguments in the text.
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
