package sqlstore

import (
	"context"
	"database/sql/driver"
	"sync/atomic"
)

// A calm context can end while a connection is waited for, but not the statement that
// then runs on it. Where the database is a file, that one takes microseconds and waits
// for nobody: a reader of a write-ahead log for no lock, a writer who has the lock for
// no other. To watch a context meanwhile costs database/sql and the driver a goroutine
// each: measured, more than half of the time of a load.
//
// The context learns that there is a connection because database/sql asks an argument
// for its value only then: the ID is passed by arg.
type calm struct {
	context.Context
	id        []byte
	connected atomic.Bool
}

// Done is nil, which means never, once there is a connection.
func (c *calm) Done() <-chan struct{} {
	if c.connected.Load() {
		return nil
	}
	return c.Context.Done()
}

// arg returns the ID as an argument of the statement.
func (c *calm) arg() any { return calmID{c} }

type calmID struct{ c *calm }

// Value implements [driver.Valuer].
func (a calmID) Value() (driver.Value, error) {
	a.c.connected.Store(true)
	return a.c.id, nil
}
