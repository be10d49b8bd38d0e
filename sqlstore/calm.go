package sqlstore

import (
	"context"
	"database/sql/driver"
	"sync/atomic"

	"github.com/expanse-go/session"
)

// A calm context can end while a connection is waited for, but not the statement that
// then runs on it. Where the database is a file, that one takes microseconds and waits
// for nobody: a reader of a write-ahead log for no lock, a writer who has the lock for
// no other. To watch a context meanwhile costs database/sql and the driver a goroutine
// each: measured, more than half of the time of a load.
//
// The context learns that there is a connection because database/sql asks an argument
// for its value only then: the ID is passed as a calmID.
type calm struct {
	context.Context
	id        session.ID
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

// A calmID is the ID as an argument of the statement.
type calmID struct{ c *calm }

// Value implements [driver.Valuer].
func (a calmID) Value() (driver.Value, error) {
	a.c.connected.Store(true)
	return a.c.id[:], nil
}
