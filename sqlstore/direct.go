package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"strings"
)

// errIndirect says that a query has to go through database/sql.
var errIndirect = errors.New("session: no direct query")

// queryDirect runs a query on a connection of the pool past database/sql, which starts
// a goroutine for each to watch its context, and converts each value twice. Measured on
// a local server, that is a fifth of the time of a load. It calls take for each row,
// whose values it must not keep.
//
// It is for pgx only, of which two things are known: it watches the context itself
// until the rows are closed, and to prepare again what is prepared on a connection
// costs nothing; so nobody has to remember what is, and it stays until the connection
// is closed. Everybody else, a driver that wraps pgx included, gets errIndirect, and so
// does who got a broken connection: database/sql knows how to find another one.
func (s *Store) queryDirect(ctx context.Context, text string, args []any, take func([]driver.Value) error) error {
	if !s.direct.Load() {
		return errIndirect
	}
	if s.isClosed() {
		return ErrClosed
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // back into the pool
	err = conn.Raw(func(c any) error {
		if !isPgx(c) {
			s.direct.Store(false)
			return errIndirect
		}
		stmt, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		named := make([]driver.NamedValue, len(args))
		for i, a := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
		}
		rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, named)
		if err != nil {
			return err
		}
		values := make([]driver.Value, len(rows.Columns()))
		for err == nil {
			if err = rows.Next(values); err == nil {
				err = take(values)
			}
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		if e := rows.Close(); err == nil {
			err = e
		}
		return err
	})
	if errors.Is(err, driver.ErrBadConn) {
		return errIndirect
	}
	return err
}

func isPgx(conn any) bool {
	t := reflect.TypeOf(conn)
	return t.Kind() == reflect.Pointer && strings.HasPrefix(t.Elem().PkgPath(), "github.com/jackc/pgx/") && t.Elem().Name() == "Conn"
}
