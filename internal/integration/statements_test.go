package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A spy is a connector whose connections log each statement and each transaction. Its
// connections support only prepared statements, so a statement that is not prepared,
// and so not logged, fails.
type spy struct {
	driver.Connector
	instead func(text string) string // returns what to prepare in place of text; may be nil

	mu  sync.Mutex
	log []string
}

func (s *spy) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, strings.ToLower(strings.Fields(text)[0]))
}

// during returns the log of what f does.
func (s *spy) during(f func()) []string {
	s.mu.Lock()
	s.log = nil
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

func (s *spy) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := s.Connector.Connect(ctx)
	return &spyConn{c, s}, err
}

type spyConn struct {
	driver.Conn
	spy *spy
}

func (c *spyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if c.spy.instead != nil {
		text = c.spy.instead(text)
	}
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	return &spyStmt{s, text, c.spy}, err
}

func (c *spyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	c.spy.note("begin")
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, o)
}

func (c *spyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type spyStmt struct {
	driver.Stmt
	text string
	spy  *spy
}

func (s *spyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.spy.note(s.text)
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (s *spyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.spy.note(s.text)
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

// connector opens connections of a driver that is not registered.
type connector struct {
	driver.Driver
	dsn string
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if d, ok := c.Driver.(driver.DriverContext); ok {
		made, err := d.OpenConnector(c.dsn)
		if err != nil {
			return nil, err
		}
		return made.Connect(ctx)
	}
	return c.Driver.Open(c.dsn)
}

type spyConnector struct{ connector }

func (c spyConnector) Driver() driver.Driver { return c.connector.Driver }

// spiedStore returns a store with a spy, on a pool with the given number of
// connections.
func (d database) spiedStore(t *testing.T, conns int) (*sqlstore.Store, *spy) {
	t.Helper()
	p := d.place(t)
	plain := p.connect(t)
	cfg := p.table(t, plain, d.dialect)
	s := &spy{Connector: spyConnector{connector{plain.Driver(), p.dsn}}}
	db := sql.OpenDB(s)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	store, err := sqlstore.New(db, d.dialect, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	if err := store.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store, s
}

// onDisk excludes databases that the spy does not support: pgxpool is not a driver of
// database/sql, and a second connection to a database in memory is another database.
func onDisk(d database) bool { return !strings.HasSuffix(d.name, "-memory") && d.driver != pgxPool }

// eachPool runs a test with one connection, where all calls use database/sql, and with
// several, where SQLite uses pins.
func eachPool(t *testing.T, test func(*testing.T, database, int)) {
	each(t, onDisk, func(t *testing.T, d database) {
		for _, conns := range []int{1, 4} {
			t.Run(fmt.Sprint(conns), func(t *testing.T) { test(t, d, conns) })
		}
	})
}

func TestStatementsPerCall(t *testing.T) {
	eachPool(t, func(t *testing.T, d database, conns int) {
		store, spy := d.spiedStore(t, conns)
		ctx := t.Context()
		now := time.Now()
		r := session.Record{ID: session.ID{1}, Owner: "ada", ExpiresAt: now, LastActivity: now, Data: []byte("x")}
		moved, stale := r, r
		moved.Version, moved.ExpiresAt = 1, now.Add(2*time.Hour)
		stale.Version = 1
		gone := session.Record{ID: session.ID{2}, Version: 1}
		login, logout, short := moved, moved, moved
		login.Version, login.Owner = 2, "bob"
		logout.Version, logout.Owner = 3, ""
		short.Version, short.Owner, short.ExpiresAt = 4, "", now
		// On SQLite, the first UPDATE finds only rows whose index entries can stay.
		indexed := ""
		if isSQLite(d) {
			indexed = "update "
		}
		for _, c := range []struct {
			call string
			f    func() error
			err  error
			want string
		}{
			{"Create", func() error { return store.Create(ctx, r) }, nil, "insert"},
			{"Create again", func() error { return store.Create(ctx, r) }, session.ErrConflict, "insert"},
			{"Load", func() error { _, err := store.Load(ctx, r.ID); return err }, nil, "select"},
			{"Load absent", func() error { _, err := store.Load(ctx, gone.ID); return err }, session.ErrNotFound, "select"},
			{"Update", func() error { return store.Update(ctx, moved) }, nil, "update"},
			{"Update stale", func() error { return store.Update(ctx, stale) }, session.ErrConflict, indexed + "update select"},
			{"Update absent", func() error { return store.Update(ctx, gone) }, session.ErrNotFound, indexed + "update select"},
			{"Update of the owner", func() error { return store.Update(ctx, login) }, nil, indexed + "update"},
			{"Update to no owner", func() error { return store.Update(ctx, logout) }, nil, indexed + "update"},
			{"Update to an earlier hour", func() error { return store.Update(ctx, short) }, nil, indexed + "update"},
			{"Touch", func() error { return store.Touch(ctx, r.ID, now.Add(1), now.Add(1)) }, nil, "update"},
			{"Touch absent", func() error { return store.Touch(ctx, gone.ID, now, now) }, nil, "update"},
			{"Delete", func() error { return store.Delete(ctx, r.ID) }, nil, "delete"},
			{"Delete absent", func() error { return store.Delete(ctx, r.ID) }, nil, "delete"},
		} {
			var err error
			got := spy.during(func() { err = c.f() })
			if err != c.err {
				t.Errorf("%s: got error %v, want %v", c.call, err, c.err)
			}
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("%s: got statements %q, want %q", c.call, got, c.want)
			}
		}
	})
}

// A request that changes its session loads it with one statement and commits with one,
// or with two on SQLite if the change moves the record in an index. A logout ends the
// record and then deletes it. A login as another owner inserts a new record, and does the same
// with the former one.
func TestStatementsPerRequest(t *testing.T) {
	eachPool(t, func(t *testing.T, d database, conns int) {
		store, spy := d.spiedStore(t, conns)
		type handler = func(http.ResponseWriter, *http.Request, *session.Session)
		site := newSite(t, store, map[string]handler{
			"/set":        func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", 1) },
			"/get":        func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Has("n") },
			"/login":      func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") },
			"/other":      func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") },
			"/regenerate": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() },
			"/shorten": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.SetTimeouts(time.Minute, time.Hour)
			},
			"/logout": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() },
		})
		moved := "" // for changes that move the record in an index
		if isSQLite(d) {
			moved = "update "
		}
		var cookie *http.Cookie
		for _, c := range []struct{ path, want string }{
			{"/set", "insert"}, {"/get", "select"}, {"/set", "select update"},
			{"/login", "select " + moved + "update"}, {"/other", "select insert " + moved + "update delete"}, {"/regenerate", "select update"},
			{"/shorten", "select " + moved + "update"}, {"/set", "select update"}, {"/logout", "select " + moved + "update delete"},
		} {
			got := spy.during(func() {
				var w *httptest.ResponseRecorder
				if w, cookie = site.do(c.path, cookie); w.Code != http.StatusOK {
					t.Errorf("%s: status %d: %s", c.path, w.Code, w.Body)
				}
			})
			if got := strings.Join(got, " "); got != c.want {
				t.Errorf("%s: got statements %q, want %q", c.path, got, c.want)
			}
		}
	})
}
