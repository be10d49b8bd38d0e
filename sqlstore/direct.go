package sqlstore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"time"
)

// errIndirect says that a query has to go through database/sql.
var errIndirect = errors.New("session: no direct query")

// queryDirect runs a query on a connection of the pool past database/sql, which starts
// a goroutine for each to watch its context, and converts each value twice. It calls
// take for each row, whose values it must not keep.
//
// It is for pgx only. Everybody else gets errIndirect, and so does who got a broken
// connection: database/sql knows how to find another one.
func (s *Store) queryDirect(ctx context.Context, text string, args []any, take func([][]byte) error) error {
	if !s.direct.Load() {
		return errIndirect
	}
	if s.isClosed() {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := s.db.Conn(&calm{Context: ctx}) // which is watched while it waits for one
	if err != nil {
		return err
	}
	defer conn.Close() // back into the pool
	var result error
	err = conn.Raw(func(c any) error {
		p := asPgx(c)
		if p == nil {
			s.direct.Store(false)
			return errIndirect
		}
		result = p.bounded(ctx, func(ctx context.Context) error { return p.rows(ctx, text, args, take) })
		if p.pg.IsClosed() {
			return driver.ErrBadConn // the pool forgets it
		}
		return nil
	})
	var safe interface{ SafeToRetry() bool }
	switch {
	case result == nil && err != nil:
		return err
	case errors.As(result, &safe) && safe.SafeToRetry():
		return errIndirect
	}
	return result
}

// longestDeadline is how long the end of a context may be away, so that a client who
// leaves need not be noticed before.
const longestDeadline = time.Minute

// bounded calls f with a context that need not be watched, if it has a deadline, which
// the connection keeps instead: that costs no goroutine, and no timer but that of the
// network. When it passes, pgx closes the connection, as it does when the context ends.
func (p *pgxConn) bounded(ctx context.Context, f func(context.Context) error) error {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) > longestDeadline {
		return f(ctx)
	}
	c := p.pg.Conn()
	if err := c.SetDeadline(deadline); err != nil {
		return f(ctx)
	}
	err := f(context.WithoutCancel(ctx))
	// A closed one has a deadline of its own, for saying goodbye.
	if !p.pg.IsClosed() {
		if e := c.SetDeadline(time.Time{}); err == nil {
			err = e
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
}
