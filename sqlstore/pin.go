package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// A pin is one connection that the store keeps, with the statements that it prepared
// through the driver. It must close them before the connection returns to the pool,
// which does not know them.
type pin struct {
	conn  *sql.Conn
	lease *time.Timer // the pin is kept no longer than this lease
	stmts map[string]pinnedStmt

	driver any // the driver's connection, while the pin is in use
	args   []driver.NamedValue
	values [sqltable.Width]driver.Value
}

// A pinnedStmt is a statement of a driver that supports contexts.
type pinnedStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// errUseless says that the driver lacks what a pin needs.
var errUseless = errors.New("session: the driver cannot be used directly")

// exec is [runner.exec].
func (p *pin) exec(ctx context.Context, st sqltable.Statement) (int, error) {
	stmt, err := p.prepare(ctx, st.Text, st.Args)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, p.args)
	clear(p.args)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// query calls take with the first row in p.values, and reports whether there is a row.
// It closes the rows even so: open rows would keep checkpoints of the file from
// completing. With some drivers, the bytes of a row are valid only until then.
func (p *pin) query(ctx context.Context, text string, args []any, take func() error) (found bool, err error) {
	stmt, err := p.prepare(ctx, text, args)
	if err != nil {
		return false, err
	}
	rows, err := stmt.QueryContext(ctx, p.args)
	clear(p.args)
	if err != nil {
		return false, err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	columns := len(rows.Columns()) // some drivers need this call before Next
	if columns > len(p.values) {
		return false, errUseless
	}
	defer clear(p.values[:])
	err = rows.Next(p.values[:columns])
	switch {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, take()
}

// exists is [runner.exists].
func (p *pin) exists(ctx context.Context, st sqltable.Statement) (bool, error) {
	return p.query(ctx, st.Text, st.Args, func() error { return nil })
}

// record returns the row in p.values.
func (p *pin) record(id session.ID) (r session.Record, err error) {
	ok := true
	number := func(i int) (n int64) {
		if ok {
			n, ok = p.values[i].(int64)
		}
		return n
	}
	text := func(i int) (s string) {
		if ok {
			s, ok = p.values[i].(string)
		}
		return s
	}
	row := sqltable.Row{
		Version: number(0), Owner: text(1), Address: text(2), UserAgent: text(3),
		Created: number(4), Activity: number(5), Expires: number(6),
	}
	if ok {
		row.Data, ok = p.values[7].([]byte)
	}
	if !ok {
		return r, errUseless
	}
	row.Data = bytes.Clone(row.Data) // the driver may reuse its bytes
	return row.Record(id), nil
}

func (p *pin) begin(ctx context.Context) (driver.Tx, error) {
	c, ok := p.driver.(driver.ConnBeginTx)
	if !ok {
		return nil, errUseless
	}
	return c.BeginTx(ctx, driver.TxOptions{})
}

// prepare returns the statement, and leaves its arguments in p.args.
func (p *pin) prepare(ctx context.Context, text string, args []any) (pinnedStmt, error) {
	stmt := p.stmts[text]
	if stmt == nil {
		c, ok := p.driver.(driver.ConnPrepareContext)
		if !ok {
			return nil, errUseless
		}
		prepared, err := c.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		if stmt, ok = prepared.(pinnedStmt); !ok {
			return nil, errors.Join(errUseless, prepared.Close())
		}
		p.stmts[text] = stmt
	}
	p.args = p.args[:0]
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, err
		}
		p.args = append(p.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return stmt, nil
}

func (p *pin) closeStatements() (err error) {
	for _, s := range p.stmts {
		err = errors.Join(err, s.Close())
	}
	clear(p.stmts)
	return err
}

// close closes the statements and returns the connection to the pool.
func (p *pin) close() error {
	err := p.conn.Raw(func(any) error { return p.closeStatements() })
	if errors.Is(err, sql.ErrConnDone) {
		return nil // the pool has already discarded it
	}
	return errors.Join(err, p.conn.Close())
}
