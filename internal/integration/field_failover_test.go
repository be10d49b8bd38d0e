package integration

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/sqlstore"
)

// as returns the place for another role of the server, which may use the table.
func (p place) as(t *testing.T, admin *sql.DB, d sqlstore.Dialect, cfg sqlstore.Config, privileges string) (place, string) {
	t.Helper()
	role := testserver.Name()
	if d == sqlstore.MySQL {
		mustExec(t, admin, "CREATE USER '"+role+"'")
		t.Cleanup(func() { mustExec(t, admin, "DROP USER '"+role+"'") })
		mustExec(t, admin, "GRANT "+privileges+" ON "+quoted(d, cfg)+" TO '"+role+"'")
		c, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		c.User = role
		p.dsn = c.FormatDSN()
		return p, role
	}
	mustExec(t, admin, `CREATE ROLE `+role+` LOGIN`)
	t.Cleanup(func() {
		mustExec(t, admin, `DROP OWNED BY `+role)
		mustExec(t, admin, `DROP ROLE `+role)
	})
	mustExec(t, admin, `GRANT USAGE ON SCHEMA "`+p.schema+`" TO `+role)
	mustExec(t, admin, "GRANT "+privileges+" ON "+quoted(d, cfg)+" TO "+role)
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	p.dsn = u.String()
	return p, role
}

const allPrivileges = "SELECT, INSERT, UPDATE, DELETE"

// fill opens connections until so many are idle.
func fill(t *testing.T, db *sql.DB, conns int) {
	t.Helper()
	for range conns {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
}

// onServer starts a MariaDB of the test's own, whose defaults it may change.
func onServer(t *testing.T) place {
	t.Helper()
	testserver.DSN(t, testserver.MySQL) // so that it is skipped where there is none
	program := server.FindMariaDB()
	if program == "" {
		t.Skip("the server of SESSION_TEST_MYSQL is not on this machine, and its defaults are not the test's to change")
	}
	dir, err := server.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := server.StartMariaDB(t.Context(), program, filepath.Join(dir, "mariadb"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return place{driver: "mysql", dsn: s.Address}
}

// Connections that a failover left on a server that takes no writes are not used for
// writes twice: the write that meets them goes to a new connection.
func TestField12ReadOnlyConnections(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
		p := d.place(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, d.dialect)
		app, role := p.as(t, admin, d.dialect, cfg, allPrivileges)
		mustExec(t, admin, "ALTER ROLE "+role+" SET default_transaction_read_only = on")
		db := app.connect(t)
		fill(t, db, 8)
		mustExec(t, admin, "ALTER ROLE "+role+" RESET default_transaction_read_only")
		s, err := newStore(db, d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		everyWrite(t, s)
	})
	t.Run("mariadb", func(t *testing.T) {
		p := onServer(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, sqlstore.MySQL)
		app, _ := p.as(t, admin, sqlstore.MySQL, cfg, allPrivileges)
		for _, setting := range []string{"tx_read_only", "read_only"} {
			t.Run(setting, func(t *testing.T) {
				mustExec(t, admin, "SET GLOBAL "+setting+" = 1")
				db := app.connect(t)
				fill(t, db, 8)
				before := connectionIDs(t, db, 8)
				s, err := newStore(db, sqlstore.MySQL, cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				err = s.Create(t.Context(), session.Record{ID: session.ID{0xff}})
				var failed *session.StoreError
				if !errors.As(err, &failed) {
					t.Fatalf("while nothing can be written: got %v, want a StoreError", err)
				}
				mustExec(t, admin, "SET GLOBAL "+setting+" = 0")
				everyWrite(t, s)
				for id := range connectionIDs(t, db, 4) {
					if before[id] {
						t.Errorf("connection %d from before is still there", id)
					}
				}
				mustExec(t, admin, "DELETE FROM "+quoted(sqlstore.MySQL, cfg))
			})
		}
	})
}

// connectionIDs returns what MariaDB calls so many connections of a pool.
func connectionIDs(t *testing.T, db *sql.DB, conns int) map[int64]bool {
	t.Helper()
	ids := make(map[int64]bool)
	for range conns {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var id int64
		if err := c.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	return ids
}

// everyWrite runs each kind of write, alone and together, and wants it to succeed.
func everyWrite(t *testing.T, s sessionStore) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ctx := t.Context()
			r := session.Record{ID: session.ID{byte(i + 1)}, Data: []byte("x")}
			if err := s.Create(ctx, r); err != nil {
				t.Errorf("create: %v", err)
			}
			r.Version = 1
			if err := s.Update(ctx, r); err != nil {
				t.Errorf("update: %v", err)
			}
			if err := s.Touch(ctx, r.ID, time.Now(), time.Now()); err != nil {
				t.Errorf("touch: %v", err)
			}
			if i%2 == 0 {
				if err := s.Delete(ctx, r.ID); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// kill ends all connections of a role.
func kill(t *testing.T, admin *sql.DB, d sqlstore.Dialect, role string) {
	t.Helper()
	if d != sqlstore.MySQL {
		mustExec(t, admin, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '"+role+"'")
		return
	}
	rows, err := admin.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE user = ?", role)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		_, _ = admin.ExecContext(t.Context(), "KILL CONNECTION "+id) // it may be gone
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// A load whose connection the server has just closed goes to another one.
func TestField13LoadsOutliveTheirConnections(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, d.dialect)
		app, role := p.as(t, admin, d.dialect, cfg, allPrivileges)
		db := app.connect(t)
		s := open(t, db, d.dialect, cfg)
		mustCreate(t, s, session.Record{ID: session.ID{1}, Owner: "ada", Data: []byte("x")})
		var loads sync.WaitGroup
		stop := make(chan struct{})
		for range 8 {
			loads.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if r, err := s.Load(t.Context(), session.ID{1}); err != nil || string(r.Data) != "x" {
						t.Errorf("got %q, %v", r.Data, err)
						return
					}
				}
			})
		}
		for range 4 {
			fill(t, db, 8)
			kill(t, admin, d.dialect, role)
			for range s.ListOwner(t.Context(), "ada") {
				break
			}
			if err := s.Touch(t.Context(), session.ID{1}, time.Now(), time.Now()); err != nil {
				t.Errorf("touch: %v", err)
			}
		}
		close(stop)
		loads.Wait()
	})
}

// A connection that is closed while it carries a statement, by a pooler for instance, is
// no reason for a load to fail; and what is idle is not used if it is dead.
func TestField13PoolIsCheckedAfterAFailure(t *testing.T) {
	// lib/pq waits for an answer to its request to cancel.
	each(t, func(d database) bool { return isServer(d) && d.driver != "postgres" }, func(t *testing.T, d database) {
		for _, end := range []string{"closed", "swallowed"} {
			t.Run(end, func(t *testing.T) {
				p := d.place(t)
				cfg := p.table(t, p.connect(t), d.dialect)
				f := newFrozen(t, serverAddress(t, p))
				f.through(t, &p)
				if d.dialect == sqlstore.MySQL {
					p = p.patient(t)
				}
				db := p.connect(t)
				s := open(t, db, d.dialect, cfg)
				id := session.ID{1}
				mustCreate(t, s, session.Record{ID: id, Data: []byte("x")})
				fill(t, db, 8)
				if end == "closed" {
					f.sever()
				} else {
					f.freeze()
				}
				f.thaw()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
				defer cancel()
				_, err := s.Load(ctx, id)
				if end == "closed" && err != nil {
					t.Errorf("got %v, want the record from a new connection", err)
				}
				if end == "swallowed" {
					if err == nil {
						t.Error("a load on a connection that carries nothing succeeded, so this tests nothing")
					}
					awaitNoIdle(t, db)
				}
				err = nil
				for range 8 {
					if _, e := s.Load(t.Context(), id); e != nil {
						err = e
					}
				}
				if err != nil {
					t.Errorf("afterwards: %v", err)
				}
				f.stop()
			})
		}
	})
}

// patient returns the place for a driver that does not give up by itself.
func (p place) patient(t *testing.T) place {
	t.Helper()
	cfg, err := mysql.ParseDSN(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ReadTimeout, cfg.WriteTimeout = 0, 0
	p.dsn = cfg.FormatDSN()
	return p
}

// awaitNoIdle returns when no connection is idle.
func awaitNoIdle(t *testing.T, db *sql.DB) {
	t.Helper()
	await(t, "no connection is idle", func() bool { return idleConns(db) == 0 })
}

// idleConns returns how many connections of a pool are idle.
func idleConns(db *sql.DB) int {
	if pool := poolOf(db); pool != nil {
		return int(pool.Stat().IdleConns())
	}
	return db.Stats().Idle
}

// await returns when something has come true.
func await(t *testing.T, what string, yet func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ; !yet(); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("still not true: %s", what)
		}
	}
}
