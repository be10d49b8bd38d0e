package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
	"github.com/expanse-go/session/internal/idle"
	"github.com/expanse-go/session/internal/sqltable"
)

// A Config names the table. The zero value is the table "sessions" in the
// connection's default schema.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Schema is the schema of the table: a schema of PostgreSQL, a database of MySQL,
	// an attached database of SQLite. It must exist. It has at most 63 letters, digits
	// and underscores. Defaults to the schema of the connection.
	Schema string

	// Table is the name of the table. It has at most 48 letters, digits and
	// underscores. The store quotes it, so reserved words work, and case matters if the
	// database distinguishes it. Defaults to [DefaultTable].
	Table string

	// Unprepared sends every statement with its arguments, without preparing it first. This
	// is slower. Use it behind a connection pooler that loses prepared statements, such as
	// PgBouncer in transaction mode before version 1.21. The store switches to it by itself
	// if Check detects such a pooler, or if a prepared statement is lost.
	//
	// pgx itself decides how it sends statements: add default_query_exec_mode=exec to the
	// data source name. If Unprepared is set and pgx still prepares statements, Check fails.
	// SQLite ignores Unprepared.
	Unprepared bool
}

// DefaultTable is the table of a [Config] without a Table.
const DefaultTable = sqltable.DefaultTable

// ErrClosed is returned by every method of a store after [Store.Close].
var ErrClosed = errors.New("session: the store is closed")

// A Store keeps sessions in one table of a database. It implements [session.Store],
// [session.Toucher], [session.Pruner], [session.Lister], [session.OwnerLister],
// [session.OwnerDeleter], [session.Importer] and [session.Stater]. It is safe for concurrent
// use, and several processes may use the same table.
type Store struct {
	db     *sql.DB
	names  sqltable.Names
	text   *sqltable.Statements
	writes *batch.Queue[*write, struct{}]
	reads  *batch.Queue[session.ID, session.Record] // nil: every load runs alone
	server batch.Server                             // not for SQLite
	pins   *pins                                    // nil: everything goes through database/sql
	shared sharedUpdate
	idle   *idle.Checker // nil: there is no server
	tested atomic.Bool   // the settings of the server are known to be fit

	sending    atomic.Int32 // a sending
	unprepared bool         // of Config

	mu     sync.RWMutex
	stmts  map[string]*sql.Stmt // by text, prepared at first use
	closed bool
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
)

// Format writes the name of the type for every verb, so that a store that is logged by
// accident does not show the password of its database.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "sqlstore.Store") }

// New returns a store that uses db. The caller must close db after the store. Allow its pool
// as many connections as there are requests that use the store at once. New does not access
// the database; call [Store.Check] before serving.
//
// It fails for a nil db, an unknown dialect, and invalid settings (each as a
// [*session.ConfigError], all of them joined).
func New(db *sql.DB, d Dialect, cfg Config) (*Store, error) {
	if db == nil {
		return nil, errors.New("session: sqlstore.New needs a database; open one with sql.Open")
	}
	n, err := newNames(d, cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: db, names: n, text: sqltable.NewStatements(n),
		unprepared: cfg.Unprepared, stmts: make(map[string]*sql.Stmt),
	}
	s.sending.Store(int32(sendingOf(db, n.Dialect, cfg)))
	s.server.Free = s.free
	s.writes, s.reads = newWrites(s), newReads(s)
	if n.Dialect.InProcess {
		s.pins = newPins(db)
	} else {
		s.idle = idle.New(closeIdle(db))
	}
	return s, nil
}

// Close releases the prepared statements. It does not wait for calls in progress, and
// does not close the database. Closing again does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	stmts := s.stmts
	s.stmts, s.closed = nil, true
	s.mu.Unlock()
	if s.idle != nil {
		s.idle.Close()
	}
	errs := []error{s.pins.close()}
	for _, stmt := range stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// Load implements [session.Store] with one SELECT by primary key. On a server, loads
// that wait at the same time may share it.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	load := s.loadOne
	if s.reads != nil {
		load = s.reads.Do
	}
	r, err := load(ctx, id)
	if err == nil || errors.Is(err, session.ErrNotFound) {
		return r, err
	}
	return session.Record{}, s.failed(ctx, opLoad, id, err)
}

func (s *Store) loadOne(ctx context.Context, id session.ID) (session.Record, error) {
	r, err := s.loadOnce(ctx, id)
	if err != nil {
		load := func() (err error) {
			r, err = s.loadOnce(ctx, id)
			return err
		}
		if s.names.Dialect.Transient(err) {
			err = s.names.Dialect.Retry(ctx, load)
		}
		err = s.again(ctx, true, err, load)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = session.ErrNotFound
	}
	return r, err
}

func (s *Store) loadOnce(ctx context.Context, id session.ID) (session.Record, error) {
	if s.pins != nil {
		r, err := s.loadPinned(ctx, id)
		if !errors.Is(err, errIndirect) {
			return r, err
		}
	}
	var r row
	err := s.withStmt(ctx, s.text.Load, func(stmt sender) error {
		dest := r.dest()
		return stmt.QueryRowContext(ctx, id[:]).Scan(dest[:]...)
	})
	if err != nil {
		return session.Record{}, err
	}
	return r.record(id), nil
}

func (s *Store) loadPinned(ctx context.Context, id session.ID) (r session.Record, err error) {
	err = s.pins.do(ctx, false, func(ctx context.Context, p *pin) error {
		found, err := p.query(ctx, s.text.Pinned, []any{id[:]}, func() (err error) {
			r, err = p.record(id)
			return err
		})
		if err == nil && !found {
			err = session.ErrNotFound
		}
		return err
	})
	return r, err
}

// Create implements [session.Store] with one INSERT.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	return s.write(ctx, &write{op: opCreate, rec: r})
}

// Import implements [session.Importer] with one INSERT.
func (s *Store) Import(ctx context.Context, r session.Record) error {
	return s.write(ctx, &write{op: opImport, rec: r})
}

// Update implements [session.Store] with one UPDATE that names ID and version. Only if
// it finds no row, a SELECT distinguishes a conflict from a missing record. On SQLite,
// an UPDATE that changes the owner or moves the expiry to an earlier hour takes a
// second statement.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	return s.write(ctx, &write{op: opUpdate, rec: r})
}

// Delete implements [session.Store] with one DELETE.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.write(ctx, &write{op: opDelete, rec: session.Record{ID: id}})
}

// Touch implements [session.Toucher] with one UPDATE, which does nothing if neither
// time is later than the stored one.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	r := session.Record{ID: id, LastActivity: lastActivity, ExpiresAt: expires}
	return s.write(ctx, &write{op: opTouch, rec: r})
}
