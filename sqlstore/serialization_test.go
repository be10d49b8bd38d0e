package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// An aborting server answers every statement with a serialization failure, as a server does
// whose transactions are serializable: a few times, or always. Otherwise it changes one row.
type aborting struct {
	failures int // for each statement; below 0: always

	mu    sync.Mutex
	tries map[string]int // :: text → calls
}

func (a *aborting) Connect(context.Context) (driver.Conn, error) { return abortingConn{a}, nil }
func (a *aborting) Driver() driver.Driver                        { return nil }

// run counts a call, and reports whether the statement fails.
func (a *aborting) run(text string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tries[text]++
	if a.failures < 0 || a.tries[text] <= a.failures {
		return stateError("40001")
	}
	return nil
}

type abortingConn struct{ a *aborting }

func (c abortingConn) Prepare(text string) (driver.Stmt, error) { return abortingStmt{c.a, text}, nil }
func (c abortingConn) Close() error                             { return nil }
func (c abortingConn) Begin() (driver.Tx, error)                { return nil, errors.ErrUnsupported }

type abortingStmt struct {
	a    *aborting
	text string
}

func (s abortingStmt) Close() error  { return nil }
func (s abortingStmt) NumInput() int { return -1 }

func (s abortingStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.a.run(s.text)
}

func (s abortingStmt) Query([]driver.Value) (driver.Rows, error) {
	if err := s.a.run(s.text); err != nil {
		return nil, err
	}
	if strings.HasPrefix(s.text, "SELECT id") {
		return &rows{columns: 9}, nil // the end of a list
	}
	return &rows{columns: 8, left: 1}, nil
}

// rows are records that are all the same.
type rows struct{ columns, left int }

func (r *rows) Columns() []string { return make([]string, r.columns) }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(row []driver.Value) error {
	if r.left == 0 {
		return io.EOF
	}
	r.left--
	copy(row, []driver.Value{int64(4), "ada", "", "", int64(0), int64(0), int64(0), []byte("data")})
	return nil
}

func (a *aborting) store(t *testing.T) *Store {
	t.Helper()
	a.tries = map[string]int{}
	db := sql.OpenDB(a)
	s, err := New(db, PostgreSQL, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		db.Close()
	})
	return s
}

// calls are the methods of a store.
var calls = map[string]func(context.Context, *Store) error{
	"Load": func(ctx context.Context, s *Store) error {
		r, err := s.Load(ctx, session.ID{1})
		if err == nil && r.Version != 4 {
			err = errors.New("loaded another record")
		}
		return err
	},
	"Create": func(ctx context.Context, s *Store) error { return s.Create(ctx, session.Record{ID: session.ID{1}}) },
	"Import": func(ctx context.Context, s *Store) error {
		return s.Import(ctx, session.Record{ID: session.ID{1}, Version: 4})
	},
	"Update": func(ctx context.Context, s *Store) error { return s.Update(ctx, session.Record{ID: session.ID{1}}) },
	"Delete": func(ctx context.Context, s *Store) error { return s.Delete(ctx, session.ID{1}) },
	"Touch": func(ctx context.Context, s *Store) error {
		return s.Touch(ctx, session.ID{1}, time.Unix(1, 0), time.Unix(2, 0))
	},
	"DeleteOwned": func(ctx context.Context, s *Store) error {
		_, err := s.DeleteOwned(ctx, "ada", []session.ID{{1}})
		return err
	},
	"Prune": func(ctx context.Context, s *Store) error {
		_, err := s.Prune(ctx, time.Unix(1, 0), 10)
		return err
	},
	"List": func(ctx context.Context, s *Store) error {
		for _, err := range s.List(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// Every method repeats a statement that the server has aborted with 40001, which changes nothing
// there. It gives up after a number of tries, or at the end of its context.
func TestSerializationFailures(t *testing.T) {
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			a := &aborting{failures: 3}
			if err := call(t.Context(), a.store(t)); err != nil {
				t.Errorf("after three failures: %v", err)
			}
			for text, n := range a.tries {
				if n != 4 {
					t.Errorf("%d calls of %s, want 4", n, text)
				}
			}
			a = &aborting{failures: -1}
			err := call(t.Context(), a.store(t))
			if !errors.Is(err, stateError("40001")) {
				t.Errorf("got %v, want 40001", err)
			}
			for text, n := range a.tries {
				if n < 4 || n > 100 {
					t.Errorf("gave up after %d calls of %s", n, text)
				}
			}
		})
	}
}
