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

// queryDirect runs a query past database/sql, which starts a goroutine for each to
// watch its context, and converts each value twice. It calls take for each row, as
// recordOf reads them; take must not keep its values.
func (s *Store) queryDirect(ctx context.Context, text string, args []any, take func([][]byte) error) error {
	return s.onPgx(ctx, func(ctx context.Context, p *pgxConn) error {
		return p.query(ctx, text, args, take)
	})
}

// execDirect runs a statement in the same way, and returns how many rows it changed.
func (s *Store) execDirect(ctx context.Context, text string, args []any) (n int, err error) {
	err = s.onPgx(ctx, func(ctx context.Context, p *pgxConn) (err error) {
		n, err = p.exec(ctx, text, args)
		return err
	})
	return n, err
}

// onPgx calls f with a connection of the pool, and a context that is bounded. Where
// the driver is not pgx, the error is errIndirect, and so it is for who got a broken
// connection, on which nothing was sent: database/sql knows how to find another one.
func (s *Store) onPgx(ctx context.Context, f func(context.Context, *pgxConn) error) error {
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
		result = p.bounded(ctx, f)
		if result != nil && p.pg.IsClosed() {
			return driver.ErrBadConn // the pool forgets it
		}
		return nil
	})
	var unsent interface{ SafeToRetry() bool }
	switch {
	case result == nil && err != nil:
		return err
	case errors.Is(result, driver.ErrBadConn), errors.As(result, &unsent) && unsent.SafeToRetry():
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
func (p *pgxConn) bounded(ctx context.Context, f func(context.Context, *pgxConn) error) error {
	deadline, ok := ctx.Deadline()
	if !ok || time.Until(deadline) > longestDeadline {
		return f(ctx, p)
	}
	c := p.pg.Conn()
	if err := c.SetDeadline(deadline); err != nil {
		return f(ctx, p)
	}
	err := f(context.WithoutCancel(ctx), p)
	// A closed one has a deadline of its own, for saying goodbye.
	if !p.pg.IsClosed() {
		_ = c.SetDeadline(time.Time{}) // fails if the network closed it, which is for the next one to find out
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !time.Now().Before(deadline) {
		err = fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
}
