package pgxstore

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session/internal/sqltable"
)

// report looks at the idle connections if the connection failed. The channel is closed
// when that is done.
func (s *Store) report(err error) (sqltable.Fault, <-chan struct{}) {
	fault := s.names.Dialect.FaultOf(err)
	if fault == sqltable.Sound {
		return fault, nil
	}
	return fault, s.idle.Check(fault != sqltable.Broken)
}

// closeIdle closes the idle connections of a pool that do not answer, or all of them,
// and then those in use as well, when they come back.
func closeIdle(pool *pgxpool.Pool) func(ctx context.Context, all bool) {
	return func(ctx context.Context, all bool) {
		if all {
			pool.Reset()
			return
		}
		var pings sync.WaitGroup
		for _, conn := range pool.AcquireAllIdle(ctx) {
			pings.Go(func() {
				defer conn.Release() // which drops one that is closed
				if conn.Ping(ctx) != nil {
					_ = conn.Conn().Close(ctx) // it is broken anyway
				}
			})
		}
		pings.Wait()
	}
}
