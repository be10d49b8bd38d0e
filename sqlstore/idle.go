package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"

	"github.com/expanse-go/session/internal/sqltable"
)

// tries bounds how often a statement is sent whose connection turns out to be useless.
const tries = 3

// again is called with the outcome of f. If the connection failed, it looks at those
// that are idle, and calls f again if that can do no harm: nothing was stored, or f does
// the same when it is called twice.
func (s *Store) again(ctx context.Context, repeatable bool, err error, f func() error) error {
	for try := 1; ; try++ {
		fault, checked := s.report(err)
		if fault == sqltable.Sound || try == tries || !repeatable && fault != sqltable.ReadOnly || ctx.Err() != nil {
			return err
		}
		select {
		case <-checked:
		case <-ctx.Done():
			return err
		}
		err = s.names.Dialect.Retry(ctx, f)
	}
}

// report looks at the idle connections if the connection failed. The channel is closed
// when that is done.
func (s *Store) report(err error) (sqltable.Fault, <-chan struct{}) {
	fault := s.names.Dialect.FaultOf(err)
	if fault == sqltable.Sound {
		return fault, nil
	}
	return fault, s.idle.Check(fault != sqltable.Broken)
}

// closeIdle closes the idle connections of a pool that do not answer, or all of them.
func closeIdle(db *sql.DB) func(ctx context.Context, all bool) {
	return func(ctx context.Context, all bool) {
		var taken, done sync.WaitGroup
		idle := db.Stats().Idle
		taken.Add(idle)
		for range idle {
			done.Go(func() {
				// The driver may find out here that the connection is dead, and takes the
				// next one.
				conn, err := db.Conn(ctx)
				taken.Done()
				if err != nil {
					return
				}
				defer conn.Close()
				useless := all
				if !all {
					taken.Wait() // the pool would give this one to the others
					useless = conn.PingContext(ctx) != nil
				}
				if useless {
					_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // so that the pool drops it
				}
			})
		}
		done.Wait()
	}
}
