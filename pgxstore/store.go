package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/idle"
	"github.com/expanse-go/session/internal/sqltable"
)

// A Config names the table. The zero value is the table "sessions" in the first schema
// of the connection's search_path.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Schema is the schema of the table. It must exist. It has at most 63 letters,
	// digits and underscores. Defaults to the schema of the connection.
	Schema string

	// Table is the name of the table. It has at most 48 letters, digits and
	// underscores. The store quotes it, so case matters and reserved words work.
	// Defaults to [sqlstore.DefaultTable].
	Table string
}

// A Store keeps sessions in one table of PostgreSQL. It implements [session.Store],
// [session.Toucher], [session.Pruner], [session.Lister], [session.OwnerLister],
// [session.OwnerDeleter], [session.Importer], [session.Stater] and [session.Broadcaster]. It
// is safe for concurrent use, and several processes may use the same table, also through
// sqlstore.
type Store struct {
	pool   *pgxpool.Pool
	names  sqltable.Names
	text   *sqltable.Statements
	writes *batch.Queue[*session.Record, struct{}]
	reads  *batch.Queue[session.ID, session.Record]
	server batch.Server
	idle   *idle.Checker
	closed atomic.Bool

	ownsPool bool // Close closes it

	// unprepared says that a pooler loses prepared statements.
	unprepared atomic.Bool
}

var (
	_ session.Store        = (*Store)(nil)
	_ session.Toucher      = (*Store)(nil)
	_ session.Pruner       = (*Store)(nil)
	_ session.Lister       = (*Store)(nil)
	_ session.OwnerLister  = (*Store)(nil)
	_ session.OwnerDeleter = (*Store)(nil)
	_ session.Importer     = (*Store)(nil)
	_ session.Stater       = (*Store)(nil)
	_ session.Broadcaster  = (*Store)(nil)
)

// Format writes the name of the type for every verb, so that a store that is logged by
// accident does not show the password of its database.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "pgxstore.Store") }

// New returns a store that uses pool. The caller must close pool after the store. New does
// not access the database; call [Store.Check] before serving.
//
// It fails for a nil pool and invalid names (each as a [*session.ConfigError], all of
// them joined).
func New(pool *pgxpool.Pool, cfg Config) (*Store, error) {
	if pool == nil {
		return nil, errors.New("session: pgxstore.New needs a pool; make one with pgxpool.New")
	}
	n, err := sqltable.NewNames(sqltable.PostgreSQL, cfg.Schema, cfg.Table)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: pool, names: n, text: sqltable.NewStatements(n), idle: idle.New(closeIdle(pool))}
	s.server.Free = s.free
	s.writes, s.reads = newWrites(s), newReads(s)
	return s, nil
}

// Close makes later calls fail with [sqlstore.ErrClosed]. If the store comes from [Open],
// Close waits for calls in progress and closes the pool; if it comes from [New], it does
// neither. Closing again does nothing.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.idle.Close()
	if s.ownsPool {
		s.pool.Close()
	}
	return nil
}

// Load implements [session.Store] with one SELECT by primary key, which loads that wait
// at the same time may share.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	r, err := s.reads.Do(ctx, id)
	if err == nil || errors.Is(err, session.ErrNotFound) {
		return r, err
	}
	return session.Record{}, s.failed(ctx, "load", id, err)
}

// Create implements [session.Store] with one INSERT.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	return s.insert(ctx, "create", r.ID, s.text.Create(&r))
}

// Import implements [session.Importer] with one INSERT.
func (s *Store) Import(ctx context.Context, r session.Record) error {
	return s.insert(ctx, "import", r.ID, s.text.Import(&r))
}

func (s *Store) insert(ctx context.Context, op string, id session.ID, st sqltable.Statement) error {
	n, err := s.exec(ctx, st, false)
	if err == nil && n == 0 {
		return session.ErrConflict
	}
	return s.answer(ctx, op, id, err)
}

// Update implements [session.Store] with one UPDATE that names ID and version. Only if
// it finds no row, a SELECT distinguishes a conflict from a missing record. Updates of
// different sessions that wait at the same time may share a statement.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	_, err := s.writes.Do(ctx, &r)
	return s.answer(ctx, "update", r.ID, err)
}

// Delete implements [session.Store] with one DELETE.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	_, err := s.exec(ctx, s.text.Delete(id), true)
	return s.answer(ctx, "delete", id, err)
}

// Touch implements [session.Toucher] with one UPDATE, which does nothing if neither
// time is later than the stored one.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	_, err := s.exec(ctx, s.text.Touch(id, lastActivity, expires), true)
	return s.answer(ctx, "touch", id, err)
}

// Prune implements [session.Pruner] in batches of 100 records, each one statement. It
// finds them by the index on the hour of expiry. Several processes may prune at once;
// each skips records that another one has locked. If a batch fails, Prune returns the
// number of records deleted so far with the error.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	total := 0
	for total < limit {
		want := min(limit-total, sqltable.PruneBatch)
		n, err := s.exec(ctx, s.text.Prune(before, want), false)
		if err != nil {
			return total, s.answer(ctx, "prune", session.ID{}, err)
		}
		total += n
		if n < want {
			break
		}
	}
	return total, nil
}

// List implements [session.Lister]. It reads pages of 64 records in the order of their
// IDs, each with one SELECT, and holds neither a connection nor a lock while it yields.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.pages(ctx, s.text.List)
}

// ListOwner implements [session.OwnerLister] like List, with the index on the owner. For
// the owner "" it reads the whole table.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return s.pages(ctx, func(from session.ID) sqltable.Statement { return s.text.ListOwner(from, owner) })
}

// DeleteOwned implements [session.OwnerDeleter] with one DELETE for each 64 records.
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	total := 0
	for some := range slices.Chunk(ids, sqltable.MaxWrites) {
		n, err := s.exec(ctx, s.text.DeleteOwned(owner, some), false)
		if err != nil {
			return total, s.answer(ctx, "delete of an owner", session.ID{}, err)
		}
		total += n
	}
	return total, nil
}

func (s *Store) pages(ctx context.Context, list func(from session.ID) sqltable.Statement) iter.Seq2[session.Record, error] {
	return sqltable.Pages(func(from session.ID) (page []session.Record, err error) {
		err = s.records(ctx, list(from), func() { page = page[:0] }, func(r session.Record) { page = append(page, r) })
		return page, s.answer(ctx, "list", session.ID{}, err)
	})
}

// answer wraps an error that the contract does not name.
func (s *Store) answer(ctx context.Context, op string, id session.ID, err error) error {
	if sqltable.Answered(err) {
		return err
	}
	return s.failed(ctx, op, id, err)
}

// failed wraps an error. It tells a caller that has waited for a connection in vain.
func (s *Store) failed(ctx context.Context, op string, id session.ID, err error) error {
	if pool := s.pool.Stat(); ctx.Err() != nil && pool.AcquiredConns() >= pool.MaxConns() {
		err = sqltable.AllInUse(int(pool.MaxConns()), err)
	}
	return sqltable.Failed(ctx, op, id, err)
}
