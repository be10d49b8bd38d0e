package sqltable

import (
	"context"
	"errors"
	"testing"
)

// A fakePooler stands for PgBouncer, or for none. Its processes of the server are 1, 2, ….
type fakePooler struct {
	next     func(conn string) int64 // the process for the next transaction; 0 if none is free
	keeps    bool                    // follows prepared statements, or each connection has its own process
	occupied int64
}

type fakePoolerConn struct {
	*fakePooler
	name string
	held int64
}

var (
	errLost = sqlError("26000")
	errFull = errors.New("no process is free")
)

type sqlError string

func (e sqlError) Error() string    { return string(e) }
func (e sqlError) SQLState() string { return string(e) }

func (c *fakePoolerConn) process() (int64, error) {
	if c.held != 0 {
		return c.held, nil
	}
	n := c.next(c.name)
	if n == 0 {
		return 0, errFull
	}
	return n, nil
}

func (c *fakePoolerConn) Run(_ context.Context, text string) (err error) {
	if text == "BEGIN" {
		c.held, err = c.process()
		c.occupied = c.held
		return err
	}
	c.held, c.occupied = 0, 0
	return nil
}

func (c *fakePoolerConn) Backend(context.Context, string) (int64, error) { return c.process() }

func (c *fakePoolerConn) Prepared(context.Context, string) (run func(context.Context, ...any) error, done func(), err error) {
	home, err := c.process()
	run = func(context.Context, ...any) error {
		now, err := c.process()
		if err == nil && now != home && !c.keeps {
			return errLost
		}
		return err
	}
	return run, func() {}, err
}

// Only a statement that the server does not know proves that statements are lost.
func TestField14OnlyALostStatementProvesAPooler(t *testing.T) {
	turns := func() func(string) int64 { // of a pooler with many clients
		n := int64(0)
		return func(string) int64 { n++; return n }
	}
	for _, tc := range []struct {
		name string
		pool func(p *fakePooler)
		want error
	}{
		{"none", func(p *fakePooler) {
			p.next = func(conn string) int64 { return map[string]int64{"one": 1, "two": 2}[conn] }
		}, nil},
		{"idle", func(p *fakePooler) { p.next = func(string) int64 { return p.occupied + 1 } }, errLost},
		{"idle, keeps statements", func(p *fakePooler) { p.keeps, p.next = true, func(string) int64 { return p.occupied + 1 } }, nil},
		{"busy", func(p *fakePooler) { p.next = turns() }, errLost},
		{"busy, keeps statements", func(p *fakePooler) { p.keeps, p.next = true, turns() }, nil},
		{"one process", func(p *fakePooler) { p.next = func(string) int64 { return 1 - p.occupied } }, errFull},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &fakePooler{}
			tc.pool(p)
			err := KeepsStatements(t.Context(), &fakePoolerConn{fakePooler: p, name: "one"}, &fakePoolerConn{fakePooler: p, name: "two"})
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if lost := err != nil && PostgreSQL.Misnamed(err); lost != errors.Is(tc.want, errLost) {
				t.Errorf("lost: %t", lost)
			}
		})
	}
}
