package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/sqltable"
)

// patience is how long others wait for the leader of a batch on a server.
const patience = 100 * time.Millisecond

// newWrites returns the queue of writes. On SQLite, which allows one writer at a time,
// the queue replaces the wait for the lock of the file, which is unfair and may last
// for many commits. On a server nearby, the queue has one slot as well: two halve the
// batches and, measured, gain nothing.
func newWrites(s *Store) *batch.Queue[*write, struct{}] {
	q := &batch.Queue[*write, struct{}]{
		Slots: 1, Max: sqltable.MaxWrites,
		Single: func(ctx context.Context, w *write) (struct{}, error) { return struct{}{}, s.writeAlone(ctx, w) },
	}
	if s.names.Dialect.InProcess {
		q.Fits, q.Batch = small, s.writeInTransaction
	} else {
		q.Server = &s.server
		q.Patience, q.Fits, q.Batch = patience, func(b []*write, w *write) bool { return otherIDs(b, w) && small(b, w) }, s.writeInStatement
	}
	return q
}

// inCompany reports whether a write goes through the queue.
func (s *Store) inCompany(o op) bool {
	return s.names.Dialect.InProcess || o == opUpdate && !s.shared.missing.Load()
}

// newReads returns the queue of loads, or nil on SQLite. A server finds many records in
// hardly more time than one.
//
// With one slot, the server idles while its answer is handed out, and the loads wait
// while it works. Measured with 16 loads at once on a local server, two slots took four
// fifths of the time. More slots make smaller batches, which cost more than they gain
// there; a distant server gets more.
func newReads(s *Store) *batch.Queue[session.ID, session.Record] {
	if s.names.Dialect.InProcess {
		return nil
	}
	return &batch.Queue[session.ID, session.Record]{
		Slots: 2, Max: sqltable.MaxReads, Patience: patience, Server: &s.server,
		Single: batch.Timed(&s.server, s.loadOne), Batch: s.loadMany,
	}
}

// poolSize is how many connections a pool without a limit counts as. By default, database/sql
// keeps only two open, and opening others takes longer than sharing statements.
const poolSize = 8

// free reports whether the pool has a free connection, or may open one.
func (s *Store) free() bool {
	pool := s.db.Stats()
	return pool.InUse < cmp.Or(pool.MaxOpenConnections, poolSize)
}

// otherIDs allows one write of each session in a batch: a statement changes a row only
// once.
func otherIDs(b []*write, w *write) bool {
	return !slices.ContainsFunc(b, func(o *write) bool { return o.rec.ID == w.rec.ID })
}

// small limits the bytes of a batch; a single write may be larger.
func small(b []*write, w *write) bool {
	bytes := sqltable.Size(&w.rec)
	for _, o := range b {
		bytes += sqltable.Size(&o.rec)
	}
	return bytes <= sqltable.MaxWriteBytes
}
