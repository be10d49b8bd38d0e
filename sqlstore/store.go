package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A Config names the table. The zero value is the table "sessions" where the
// connection looks first.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Schema is the schema of the table: a schema of PostgreSQL, a database of
	// MySQL, an attached database of SQLite. It must exist. At most 63 letters,
	// digits and underscores. Defaults to the connection's own.
	Schema string

	// Table is the name of the table: at most 48 letters, digits and underscores.
	// It is quoted, so that its case counts where the database minds case, and
	// reserved words work. Defaults to [DefaultTable].
	Table string

	// DriverTimeout says that the driver gives up by itself on a server that does not
	// answer, at the latest after this time: for github.com/go-sql-driver/mysql, the
	// sum of the readTimeout and the writeTimeout that its data source name sets. A
	// statement whose context has as long to go, or no deadline, is then not watched,
	// which with that driver costs two wake-ups of a goroutine each time, a third of
	// the processor time of a load. That a request was cancelled is noticed after it.
	//
	// If the driver does not keep it, a server that hangs holds up a request for as
	// long as it hangs, whatever [session.Config.StoreTimeout] says. Choose less than
	// that one, half of it for instance. The same timeouts end a statement that waits
	// for a lock, or that takes so long. Defaults to 0: every context is watched.
	//
	// SQLite does not need it, and neither does pgx, whose connections keep the
	// deadline of the context themselves.
	DriverTimeout time.Duration
}

// DefaultTable is the table of a [Config] that names none.
const DefaultTable = "sessions"

// ErrClosed is returned by every method of a store after [Store.Close].
var ErrClosed = errors.New("session: the store is closed")

// A Store keeps sessions in one table of a database. It implements
// [session.Store], [session.Toucher], [session.Pruner], [session.Lister] and
// [session.OwnerLister], and may be used by many goroutines; the table may be used
// by many processes.
type Store struct {
	db    *sql.DB
	names names
	text  texts
	group *group
	reads *reads // nil: every load does
	pins  *pins  // nil: everything goes through database/sql
	hints *hints // nil: an update has one form only

	direct atomic.Bool // whether queryDirect may be tried

	many, apart atomic.Bool // whether the server is known to have updateMany, or not

	driverTimeout time.Duration // of Config

	mu     sync.RWMutex
	stmts  map[string]*sql.Stmt // :: text → statement, prepared at first use
	closed bool
}

var (
	_ session.Store       = (*Store)(nil)
	_ session.Toucher     = (*Store)(nil)
	_ session.Pruner      = (*Store)(nil)
	_ session.Lister      = (*Store)(nil)
	_ session.OwnerLister = (*Store)(nil)
)

// New returns a store on db, which stays the caller's: its pool should allow as many
// connections as requests may use the store at once, and it is closed after the
// store. New does not talk to the database; call [Store.Check] before serving.
//
// It fails for a nil db, an unknown dialect, and settings that make no sense (each
// as a [*session.ConfigError], all of them joined).
func New(db *sql.DB, d Dialect, cfg Config) (*Store, error) {
	if db == nil {
		return nil, errors.New("session: sqlstore.New needs a database; open one by sql.Open")
	}
	n, err := newNames(d, cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, names: n, text: newTexts(n), driverTimeout: cfg.DriverTimeout, stmts: make(map[string]*sql.Stmt)}
	s.group, s.reads = newGroup(s), newReads(s)
	if n.dialect.inProcess {
		s.pins = newPins(db)
	}
	if s.text.inPlace != "" {
		s.hints = new(hints)
	}
	s.direct.Store(d == PostgreSQL)
	return s, nil
}

// Close releases the prepared statements; pgx keeps some until their connections are
// closed. It waits for no call and does not close the database. Closing again does
// nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	stmts := s.stmts
	s.stmts, s.closed = nil, true
	s.mu.Unlock()
	errs := []error{s.pins.close()}
	for _, stmt := range stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// Load implements [session.Store] by one SELECT by primary key, which several that
// wait for a server may share.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	load := s.loadOne
	if s.reads != nil {
		load = s.reads.do
	}
	r, err := load(ctx, id)
	if err == nil || errors.Is(err, session.ErrNotFound) {
		return r, err
	}
	return session.Record{}, failed(ctx, opLoad, id, err)
}

func (s *Store) loadOne(ctx context.Context, id session.ID) (session.Record, error) {
	r, err := s.loadOnce(ctx, id)
	if err != nil && s.names.dialect.transient(err) {
		err = s.retry(ctx, func() (err error) {
			r, err = s.loadOnce(ctx, id)
			return err
		})
	}
	switch {
	case err == nil:
		s.hints.note(&r)
	case errors.Is(err, sql.ErrNoRows):
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
	if s.direct.Load() {
		r, err := s.loadDirect(ctx, id)
		if !errors.Is(err, errIndirect) {
			return r, err
		}
	}
	stmt, err := s.prepared(ctx, s.text.load)
	if err != nil {
		return session.Record{}, err
	}
	// One allocation holds what the statement takes and what it gives.
	var call struct {
		calm calm
		row  row
		dest [8]any
	}
	c := &call
	c.dest = c.row.dest()
	if s.unwatched(ctx) {
		if err := ctx.Err(); err != nil {
			return session.Record{}, err
		}
		c.calm.Context = ctx
		err = stmt.QueryRowContext(&c.calm, calmArg{&c.calm, id[:]}).Scan(c.dest[:]...)
	} else {
		err = stmt.QueryRowContext(ctx, id[:]).Scan(c.dest[:]...)
	}
	if err != nil {
		return session.Record{}, err
	}
	return c.row.record(id), nil
}

func (s *Store) loadPinned(ctx context.Context, id session.ID) (r session.Record, err error) {
	err = s.pins.do(ctx, false, func(ctx context.Context, p *pin) error {
		found, err := p.query(ctx, s.text.loadPinned, []any{id[:]}, func() (err error) {
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

func (s *Store) loadDirect(ctx context.Context, id session.ID) (r session.Record, err error) {
	found := false
	err = s.queryDirect(ctx, s.text.load, []any{id[:]}, func(raw [][]byte) error {
		found = true
		r, err = recordOf(id, raw)
		return err
	})
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return r, err
}

// Create implements [session.Store] by one INSERT.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	return s.write(ctx, &write{op: opCreate, rec: r})
}

// Update implements [session.Store] by one UPDATE that names ID and version. Only if
// it finds no row, a SELECT tells a conflict from absence; on SQLite, a second UPDATE
// may come before that, which also changes owner and hour of expiry.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	return s.write(ctx, &write{op: opUpdate, rec: r})
}

// Delete implements [session.Store] by one DELETE.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.write(ctx, &write{op: opDelete, rec: session.Record{ID: id}})
}

// Touch implements [session.Toucher] by one UPDATE, which does nothing if neither
// instant is later than the stored one.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	r := session.Record{ID: id, LastActivity: lastActivity, ExpiresAt: expires}
	return s.write(ctx, &write{op: opTouch, rec: r})
}

// failed wraps an error that is none of the contract's. Drivers do not all say that
// an operation ended because its context did, so that is said here.
func failed(ctx context.Context, o op, id session.ID, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return &session.StoreError{Op: string(o), ID: id, Err: err}
}
