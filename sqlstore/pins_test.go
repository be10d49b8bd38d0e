package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/batch"
)

// A fakeDriver has one record and counts its open connections, statements and rows. Its
// functions may be nil.
type fakeDriver struct {
	mu                  sync.Mutex
	conns, stmts, rows  int
	query, exec, commit func(conn int) error
	closing             func(conn int) error // called when a statement closes
	values              []driver.Value
	poor                bool // its statements do not support contexts

	connected, commits int
}

func (d *fakeDriver) Driver() driver.Driver { return nil }

func (d *fakeDriver) Connect(context.Context) (driver.Conn, error) {
	d.add(&d.conns, 1)
	return &fakeConn{d, d.add(&d.connected, 1)}, nil
}

func (d *fakeDriver) add(n *int, by int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	*n += by
	return *n
}

type fakeConn struct {
	d *fakeDriver
	n int // the first is 1
}

func (c *fakeConn) Close() error              { c.d.add(&c.d.conns, -1); return nil }
func (c *fakeConn) Begin() (driver.Tx, error) { return nil, errors.New("old") }
func (c *fakeConn) Prepare(text string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

func (c *fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return c, nil }
func (c *fakeConn) Rollback() error                                              { return nil }

func (c *fakeConn) Commit() error {
	c.d.add(&c.d.commits, 1)
	return call(c.d.commit, c.n)
}

func (c *fakeConn) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	c.d.add(&c.d.stmts, 1)
	s := &fakeStmt{c, text}
	if c.d.poor {
		return poorStmt{s}, nil
	}
	return s, nil
}

type fakeStmt struct {
	*fakeConn
	text string
}

type poorStmt struct{ driver.Stmt }

func (s *fakeStmt) NumInput() int { return -1 }

func (s *fakeStmt) Close() error {
	s.d.add(&s.d.stmts, -1)
	return call(s.d.closing, s.n)
}

func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), call(s.d.exec, s.n)
}

func (s *fakeStmt) ExecContext(_ context.Context, _ []driver.NamedValue) (driver.Result, error) {
	return s.Exec(nil)
}

func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error) {
	if err := call(s.d.query, s.n); err != nil {
		return nil, err
	}
	s.d.add(&s.d.rows, 1)
	return &fakeRows{d: s.d}, nil
}

func (s *fakeStmt) QueryContext(_ context.Context, _ []driver.NamedValue) (driver.Rows, error) {
	return s.Query(nil)
}

func call(f func(int) error, conn int) error {
	if f == nil {
		return nil
	}
	return f(conn)
}

// fakeRows return rows only after a call of Columns, and lend their bytes, like those
// of github.com/ncruces/go-sqlite3.
type fakeRows struct {
	d           *fakeDriver
	asked, done bool
	lent        []byte
}

func (r *fakeRows) Columns() []string {
	r.asked = true
	return make([]string, len(r.d.values))
}

func (r *fakeRows) Close() error {
	clear(r.lent)
	r.d.add(&r.d.rows, -1)
	return nil
}

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	if !r.asked {
		return errors.New("how many columns?")
	}
	for i, v := range r.d.values {
		if b, ok := v.([]byte); ok {
			r.lent = bytes.Clone(b)
			v = r.lent
		}
		dest[i] = v
	}
	return nil
}

var fakeID = session.ID{1}

// fake returns a store on a pool of four connections.
func fake(t *testing.T) (*fakeDriver, *sql.DB, *Store) {
	t.Helper()
	d := &fakeDriver{values: []driver.Value{int64(3), "ada", "", "", int64(0), int64(0), int64(0), []byte("x")}}
	db := sql.OpenDB(d)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4)
	s, err := New(db, SQLite, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), db.Close()); err != nil {
			t.Error(err)
		}
		if d.conns != 0 || d.stmts != 0 || d.rows != 0 {
			t.Errorf("%d connections, %d statements and %d rows are left open", d.conns, d.stmts, d.rows)
		}
	})
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	load(t, s)
	load(t, s)
	return d, db, s
}

func load(t *testing.T, s *Store) {
	t.Helper()
	r, err := s.Load(t.Context(), fakeID)
	if err != nil || r.Owner != "ada" || r.Version != 3 || string(r.Data) != "x" {
		t.Errorf("got %+v, %v", r, err)
	}
}

func (p *pins) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

func wantPins(t *testing.T, s *Store, want int) {
	t.Helper()
	if n := s.pins.count(); n != want {
		t.Errorf("%d connections are held, want %d", n, want)
	}
}

// Pins return to the pool after a second, even if they are in use.
func TestPinsGoBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, db, s := fake(t)
		wantPins(t, s, 1)
		gate := make(chan struct{})
		d.query = func(int) error { <-gate; return nil }
		done := make(chan struct{})
		go func() { load(t, s); close(done) }()
		synctest.Wait()
		time.Sleep(leaseTime)
		synctest.Wait()
		wantPins(t, s, 1) // in use
		close(gate)
		<-done
		d.query = nil
		wantPins(t, s, 0)
		load(t, s)
		wantPins(t, s, 1)
		time.Sleep(leaseTime)
		synctest.Wait()
		wantPins(t, s, 0)
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are in use", n)
		}
	})
}

// Half of a bounded pool stays free, whoever uses the rest.
func TestPinsLeaveHalfOfThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, db, s := fake(t)
		gate := make(chan struct{})
		d.query = func(int) error { <-gate; return nil }
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { load(t, s) })
		}
		synctest.Wait()
		wantPins(t, s, 2)
		close(gate)
		wg.Wait()
		d.query = nil
		load(t, s)
		wantPins(t, s, 2)
		db.SetMaxOpenConns(1)
		time.Sleep(leaseTime)
		synctest.Wait()
		wantPins(t, s, 0)
		load(t, s)
		wantPins(t, s, 0)
	})
}

// If somebody waits for a connection, the next call of the store returns the pins.
func TestPinsAreWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, db, s := fake(t)
		wantPins(t, s, 1)
		var taken []*sql.Conn
		for range 3 {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, c)
		}
		got := make(chan *sql.Conn)
		go func() {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- c
		}()
		synctest.Wait()
		asked := time.Now()
		loaded := make(chan struct{})
		go func() { load(t, s); close(loaded) }()
		taken = append(taken, <-got)
		if waited := time.Since(asked); waited > 0 {
			t.Errorf("waited for %v", waited)
		}
		synctest.Wait() // until look has counted the pins
		wantPins(t, s, 0)
		for _, c := range taken {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		<-loaded
		load(t, s)
		wantPins(t, s, 0)
		time.Sleep(leaseTime)
		synctest.Wait()
		load(t, s)
		load(t, s)
		wantPins(t, s, 1)
	})
}

// If somebody waits for a connection, the store returns its pins soon even if nobody
// calls it: the goroutine that waits may hold all other connections.
func TestPinsAreWantedByTheOnlyRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, db, s := fake(t)
		db.SetMaxOpenConns(2)
		for range 3 {
			load(t, s)
			load(t, s)
			wantPins(t, s, 1)
			began := time.Now()
			var taken [2]*sql.Conn
			for i := range taken {
				var err error
				if taken[i], err = db.Conn(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if waited := time.Since(began); waited > lookTime {
				t.Errorf("waited for %v", waited)
			}
			synctest.Wait() // until look has counted the pin
			wantPins(t, s, 0)
			for _, c := range taken {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			load(t, s)
			load(t, s)
			wantPins(t, s, 0) // no new pin during this lease
			time.Sleep(leaseTime)
			synctest.Wait()
		}
	})
}

// If the pool is closed before the store, calls fail as they do without pins, and the
// pins return to the pool.
func TestPinsOfAClosedPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, db, s := fake(t)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Load(t.Context(), fakeID)
		other := s.Update(t.Context(), session.Record{ID: fakeID, Version: 3})
		for _, err := range []error{err, other} {
			if err == nil || !strings.Contains(err.Error(), "database is closed") {
				t.Errorf("got %v, want that the database is closed", err)
			}
		}
		time.Sleep(leaseTime)
		synctest.Wait()
		if d.conns != 0 || d.stmts != 0 {
			t.Errorf("%d connections and %d statements are left open", d.conns, d.stmts)
		}
	})
}

func TestPinsAfterClose(t *testing.T) {
	_, db, s := fake(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantPins(t, s, 0)
	if n := db.Stats().InUse; n != 0 {
		t.Errorf("%d connections are in use", n)
	}
	if _, err := s.Load(t.Context(), fakeID); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := s.Delete(t.Context(), fakeID); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

// A lost connection is replaced; a pin whose driver panics is dropped.
func TestPinsThatBreak(t *testing.T) {
	d, _, s := fake(t)
	broken := map[int]bool{1: true}
	d.query = func(conn int) error {
		if broken[conn] {
			return driver.ErrBadConn
		}
		return nil
	}
	for range 4 {
		load(t, s)
	}
	wantPins(t, s, 1)

	d.query = func(int) error { panic("driver") }
	func() {
		defer func() {
			if got := recover(); got != "driver" {
				t.Errorf("got panic %v", got)
			}
		}()
		load(t, s)
	}()
	wantPins(t, s, 0)
	d.query = nil
	load(t, s)
	load(t, s)
	wantPins(t, s, 1)

	d.query = func(int) error { s.pins.look(); return nil }
	s.pins.ends = time.Time{} // the pin returns to the pool after its use
	d.closing = func(int) error { d.closing = nil; panic("driver") }
	func() {
		defer func() { recover() }()
		load(t, s)
		t.Error("closing has not panicked")
	}()
	d.query = nil
	wantPins(t, s, 0)
	load(t, s)
	load(t, s)
	wantPins(t, s, 1)

	refused := errors.New("refused")
	d.exec = func(int) error { return refused }
	if err := s.Delete(t.Context(), fakeID); !errors.Is(err, refused) {
		t.Errorf("got %v, want the driver's error", err)
	}
	wantPins(t, s, 0)
}

// A busy file is retried, and a statement does not start if the context has ended.
func TestPinsAreBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, s := fake(t)
		tries := 0
		d.query = func(int) error {
			if tries++; tries < 4 {
				return errors.New("database is locked")
			}
			return nil
		}
		load(t, s)
		if tries != 4 {
			t.Errorf("got %d tries, want 4", tries)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Load(ctx, fakeID); !errors.Is(err, context.Canceled) || tries != 4 {
			t.Errorf("got %v and %d tries, want context.Canceled and 4", err, tries)
		}
	})
}

// A driver that lacks the needed methods, or returns values of other types, is used
// through database/sql.
func TestPinsOfOtherDrivers(t *testing.T) {
	d, _, s := fake(t)
	d.values[1] = []byte("ada") // some drivers return text like this
	load(t, s)
	wantPins(t, s, 0)
	load(t, s)
	wantPins(t, s, 0)

	poor := &fakeDriver{values: d.values, poor: true}
	db := sql.OpenDB(poor)
	defer db.Close()
	s, err := New(db, SQLite, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	load(t, s)
	load(t, s)
	wantPins(t, s, 0)
	if err := s.Update(t.Context(), session.Record{ID: fakeID}); err != nil {
		t.Error(err)
	}
}

// A batch that loses its connection in the commit is not written again, because it may
// have been stored. A batch that loses it before the commit is.
func TestPinsLostInATransaction(t *testing.T) {
	for _, when := range []string{"before the commit", "in the commit"} {
		t.Run(when, func(t *testing.T) {
			d, _, s := fake(t)
			lost := func(conn int) error {
				if conn == 1 {
					return driver.ErrBadConn
				}
				return nil
			}
			want := error(nil)
			if d.exec = lost; when == "in the commit" {
				d.exec, d.commit, want = nil, lost, driver.ErrBadConn
			}
			var batch []*write
			for i := range 3 {
				batch = append(batch, &write{op: opUpdate, rec: session.Record{ID: session.ID{byte(i)}}})
			}
			errs := make([]error, len(batch))
			s.writeInTransaction(t.Context(), batch, nil, errs)
			for _, err := range errs {
				if !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
			}
			if d.commits != 1 {
				t.Errorf("got %d commits, want 1", d.commits)
			}
		})
	}
}

// A batch whose driver panics has stored nothing, so no write may report success.
func TestPinsPanicInATransaction(t *testing.T) {
	for _, where := range []string{"exec", "commit"} {
		t.Run(where, func(t *testing.T) {
			d, _, s := fake(t)
			calls := 0
			fail := func(int) error {
				if calls++; calls == 2 || where == "commit" {
					panic("driver")
				}
				return nil
			}
			if d.exec = fail; where == "commit" {
				d.exec, d.commit = nil, fail
			}
			writes := []*write{{op: opDelete}, {op: opDelete}, {op: opDelete}}
			errs := []error{batch.ErrAlone, batch.ErrAlone, batch.ErrAlone} // as a leader sets them
			func() {
				defer func() {
					if got := recover(); got != "driver" {
						t.Errorf("got panic %v", got)
					}
				}()
				s.writeInTransaction(t.Context(), writes, nil, errs)
			}()
			for i, err := range errs {
				if err != batch.ErrAlone {
					t.Errorf("write %d: got %v, want batch.ErrAlone", i, err)
				}
			}
		})
	}
}
