package sqltable

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/expanse-go/session"
)

type stateError string

func (e stateError) Error() string    { return "some text" }
func (e stateError) SQLState() string { return string(e) }

func TestFaultOf(t *testing.T) {
	mysql := func(n int) error { return fmt.Errorf("wrapped: %w", fmt.Errorf("Error %d (HY000): some text", n)) }
	for _, c := range []struct {
		dialect *Dialect
		want    Fault
		errs    []error
	}{
		{PostgreSQL, ReadOnly, []error{stateError("25006")}},
		{PostgreSQL, Ending, []error{stateError("57P01"), stateError("57P02"), stateError("57P03"), stateError("57P05"), stateError("08P01"), stateError("08006"), stateError("25P03")}},
		{PostgreSQL, Broken, []error{io.ErrUnexpectedEOF, errors.New("conn closed"), context.DeadlineExceeded}},
		{PostgreSQL, Sound, []error{nil, stateError("23505"), stateError("40001"), stateError("57014"), sql.ErrNoRows, session.ErrConflict, context.Canceled}},
		{MySQL, ReadOnly, []error{mysql(1047), mysql(1290), mysql(1792), mysql(1836)}},
		{MySQL, Ending, []error{mysql(1053), mysql(1158), mysql(1927), mysql(2013), mysql(4031)}},
		{MySQL, Broken, []error{driver.ErrBadConn, errors.New("invalid connection"), &net.OpError{Op: "read", Err: io.EOF}}},
		{MySQL, Sound, []error{nil, mysql(1062), mysql(1205), mysql(1213), session.ErrNotFound}},
		{SQLite, Sound, []error{nil, io.EOF, context.DeadlineExceeded, codeError(8)}},
	} {
		for _, err := range c.errs {
			if got := c.dialect.FaultOf(err); got != c.want {
				t.Errorf("%v: got %d, want %d", err, got, c.want)
			}
		}
	}
}

func TestInline(t *testing.T) {
	args := []any{[]byte{0, 0xff}, "a'b", int64(-1), 7, nil}
	for _, c := range []struct {
		dialect    *Dialect
		text, want string
	}{
		{PostgreSQL, "f($1, $2, $3::bigint, $4, $5)", "f(decode('00ff', 'hex'), convert_from(decode('612762', 'hex'), 'UTF8'), (-1)::bigint, 7, NULL)"},
		{MySQL, "f(?, ?, ?, ?, ?)", "f(x'00ff', _utf8mb4 x'612762', (-1), 7, NULL)"},
	} {
		if got := c.dialect.Inline(c.text, args); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
