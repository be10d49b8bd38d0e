package sqlstore

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"

	"github.com/expanse-go/session"
)

// A pgxConn is a connection of pgx, past database/sql and its driver, which cost a
// load more than what pgx itself does. This package imports no driver, so what pgx
// exports is found by name. Its methods need no more than their types say, and whose
// types differ, in another version or a driver that wraps pgx, is not used so.
type pgxConn struct {
	prepare driver.ConnPrepareContext
	conn    reflect.Value // *pgx.Conn
	methods *pgxMethods
	pg      pgConn
}

// pgConn is the part of a *pgconn.PgConn that is used.
type pgConn interface {
	Conn() net.Conn
	IsClosed() bool
	CustomData() map[string]any
}

// pgxRows is the part of a pgx.Rows that is used.
type pgxRows interface {
	Next() bool
	RawValues() [][]byte // valid until the next row
	Close()
	Err() error
}

// commandTag is the part of a pgconn.CommandTag that is used.
type commandTag interface{ RowsAffected() int64 }

// formats is the part of a *pgtype.Map that is used.
type formats interface{ FormatCodeForOID(oid uint32) int16 }

// pgxMethods are functions, whose first argument is the receiver.
type pgxMethods struct {
	conn    reflect.Value // func(*stdlib.Conn) *pgx.Conn
	pgConn  reflect.Value // func(*pgx.Conn) *pgconn.PgConn
	typeMap reflect.Value // func(*pgx.Conn) *pgtype.Map
	query   reflect.Value // func(*pgx.Conn, context.Context, string, ...any) (pgx.Rows, error)
	exec    reflect.Value // func(*pgx.Conn, context.Context, string, ...any) (pgconn.CommandTag, error)
}

// findPgx returns the methods for the type of a driver's connection, nil for one that
// is not pgx's. Each name is a constant: by any other, the linker would keep every
// exported method of the whole program.
func findPgx(stdlib reflect.Type) *pgxMethods {
	if stdlib.Kind() != reflect.Pointer || !strings.HasPrefix(stdlib.Elem().PkgPath(), "github.com/jackc/pgx/") || !stdlib.Implements(reflect.TypeFor[driver.ConnPrepareContext]()) {
		return nil
	}
	conn, ok := stdlib.MethodByName("Conn")
	if !ok || conn.Type.NumIn() != 1 || conn.Type.NumOut() != 1 {
		return nil
	}
	t := conn.Type.Out(0)
	pg, ok := t.MethodByName("PgConn")
	if !ok || !gives(pg, reflect.TypeFor[pgConn]()) {
		return nil
	}
	typeMap, ok := t.MethodByName("TypeMap")
	if !ok || !gives(typeMap, reflect.TypeFor[formats]()) {
		return nil
	}
	query, ok := t.MethodByName("Query")
	if !ok || !takesStatement(query) || !gives(query, reflect.TypeFor[pgxRows](), reflect.TypeFor[error]()) {
		return nil
	}
	exec, ok := t.MethodByName("Exec")
	if !ok || !takesStatement(exec) || !gives(exec, reflect.TypeFor[commandTag](), reflect.TypeFor[error]()) {
		return nil
	}
	return &pgxMethods{conn.Func, pg.Func, typeMap.Func, query.Func, exec.Func}
}

// takesStatement is true for the parameters (context.Context, string, ...any).
func takesStatement(m reflect.Method) bool {
	t := m.Type
	return t.NumIn() == 4 && t.IsVariadic() &&
		t.In(1) == reflect.TypeFor[context.Context]() && t.In(2) == reflect.TypeFor[string]() && t.In(3) == reflect.TypeFor[[]any]()
}

func gives(m reflect.Method, want ...reflect.Type) bool {
	if m.Type.NumOut() != len(want) {
		return false
	}
	for i, t := range want {
		if !m.Type.Out(i).Implements(t) {
			return false
		}
	}
	return true
}

var pgxTypes sync.Map // :: reflect.Type of a driver's connection → *pgxMethods

// customKey is where a connection keeps its pgxConn.
const customKey = "github.com/expanse-go/session/sqlstore"

// asPgx returns the driver's connection as one of pgx, nil if it is not, or is set up
// to send numbers and bytes as text.
func asPgx(c any) *pgxConn {
	t := reflect.TypeOf(c)
	found, ok := pgxTypes.Load(t)
	if !ok {
		found, _ = pgxTypes.LoadOrStore(t, findPgx(t))
	}
	m := found.(*pgxMethods)
	if m == nil {
		return nil
	}
	conn := m.conn.Call([]reflect.Value{reflect.ValueOf(c)})[0]
	receiver := []reflect.Value{conn}
	pg := m.pgConn.Call(receiver)[0].Interface().(pgConn)
	custom := pg.CustomData()
	if p, ok := custom[customKey].(*pgxConn); ok {
		return p
	}
	const oidBytea, oidInt8, binaryFormat = 17, 20, 1
	formats := m.typeMap.Call(receiver)[0].Interface().(formats)
	if custom == nil || formats.FormatCodeForOID(oidInt8) != binaryFormat || formats.FormatCodeForOID(oidBytea) != binaryFormat {
		return nil
	}
	p := &pgxConn{c.(driver.ConnPrepareContext), conn, m, pg}
	custom[customKey] = p
	return p
}

// call runs a statement, which it prepares if it is not prepared yet: pgx knows what
// is, under its text, and it stays until the connection is closed.
func (p *pgxConn) call(ctx context.Context, method reflect.Value, text string, args []any) (any, error) {
	if _, err := p.prepare.PrepareContext(ctx, text); err != nil {
		return nil, err
	}
	out := method.CallSlice([]reflect.Value{p.conn, reflect.ValueOf(ctx), reflect.ValueOf(text), reflect.ValueOf(args)})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

// forget makes pgx prepare a statement anew, if the server refused to run it as it was
// prepared: a column has another type since (0A000), or somebody deallocated it (26000).
// Else it would fail on this connection until that is closed. It returns whether to try
// again.
func (p *pgxConn) forget(ctx context.Context, text string, err error) bool {
	if state := sqlState(err); state != "0A000" && state != "26000" {
		return false
	}
	conn, ok := p.conn.Interface().(interface {
		Deallocate(ctx context.Context, name string) error
	})
	return ok && conn.Deallocate(ctx, text) == nil
}

// query calls take for each row, whose values are valid until the next one.
func (p *pgxConn) query(ctx context.Context, text string, args []any, take func([][]byte) error) error {
	err := p.queryOnce(ctx, text, args, take)
	if err != nil && p.forget(ctx, text, err) {
		err = p.queryOnce(ctx, text, args, take)
	}
	return err
}

func (p *pgxConn) queryOnce(ctx context.Context, text string, args []any, take func([][]byte) error) error {
	result, err := p.call(ctx, p.methods.query, text, args)
	if err != nil {
		return err
	}
	rows := result.(pgxRows)
	defer rows.Close()
	for rows.Next() {
		if err := take(rows.RawValues()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// exec returns how many rows the statement changed.
func (p *pgxConn) exec(ctx context.Context, text string, args []any) (int, error) {
	result, err := p.call(ctx, p.methods.exec, text, args)
	if err != nil && p.forget(ctx, text, err) {
		result, err = p.call(ctx, p.methods.exec, text, args)
	}
	if err != nil {
		return 0, err
	}
	return int(result.(commandTag).RowsAffected()), nil
}

// recordOf reads recordColumns as pgx receives them, of which nothing is kept.
func recordOf(id session.ID, raw [][]byte) (session.Record, error) {
	var n [8]int64
	for i := range n {
		isNumber := i == 0 || 4 <= i && i <= 6
		if raw[i] == nil || isNumber && len(raw[i]) != 8 {
			return session.Record{}, fmt.Errorf("session: column %d of a record has %d bytes", i, len(raw[i]))
		}
		if isNumber {
			n[i] = int64(binary.BigEndian.Uint64(raw[i]))
		}
	}
	r := row{
		version: number(n[0]), created: number(n[4]), active: number(n[5]), expires: number(n[6]),
		owner: string(raw[1]), address: string(raw[2]), agent: string(raw[3]),
		data: append([]byte{}, raw[7]...),
	}
	return r.record(id), nil
}
