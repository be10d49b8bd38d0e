package sqlstore

import (
	"context"
	"database/sql/driver"
	"sync/atomic"
	"time"
)

// unwatched is true if a statement may run on in spite of its context.
//
// Where the database is a file, it takes microseconds and waits for nobody: a reader
// of a write-ahead log for no lock, a writer for none but that of another process, in
// which drivers hardly notice the end of a context anyway. A driver that gives up by
// itself does so before the context ends. To watch it meanwhile costs database/sql and
// the driver a goroutine each: measured, more than half of the time of a load from a
// file, and a third of that of an update.
func (s *Store) unwatched(ctx context.Context) bool {
	if s.names.Dialect.InProcess {
		return true
	}
	if s.driverTimeout == 0 {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) >= s.driverTimeout
}

// calmed returns the context for a statement with the arguments, of which it replaces
// the first one: a calm one, if it need not be watched and has not ended.
func (s *Store) calmed(ctx context.Context, args []any) (context.Context, error) {
	if !s.unwatched(ctx) {
		return ctx, nil
	}
	c := &calm{Context: ctx}
	args[0] = calmArg{c, args[0]}
	return c, ctx.Err()
}

// A calm context can end while a connection is waited for, but not the statement that
// then runs on it.
//
// The context learns that there is a connection because database/sql asks an argument
// for its value only then: the first one is passed as a calmArg.
type calm struct {
	context.Context
	asked     atomic.Bool
	connected atomic.Bool
}

// Done is nil, which means never, once there is a connection. It is nil the first
// time, too: database/sql asks before it takes a free connection, and a context that
// has ended was found out before that, while most have no timer until they are asked.
func (c *calm) Done() <-chan struct{} {
	if c.connected.Load() || !c.asked.Swap(true) {
		return nil
	}
	return c.Context.Done()
}

// A calmArg is an argument of the statement.
type calmArg struct {
	c     *calm
	value any
}

// Value implements [driver.Valuer].
func (a calmArg) Value() (driver.Value, error) {
	a.c.connected.Store(true)
	return a.value, nil
}
