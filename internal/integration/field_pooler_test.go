package integration

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/sqlstore"
)

// pooled returns the place through a PgBouncer in transaction mode.
func (p place) pooled(t *testing.T) place {
	t.Helper()
	return p.behind(t, "transaction", 4)
}

// behind returns the place through a PgBouncer in a mode, with so many connections.
func (p place) behind(t *testing.T, mode string, conns int) place {
	t.Helper()
	program := testserver.DSN(t, testserver.PgBouncer)
	dir, err := server.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.StartPgBouncer(t.Context(), program, filepath.Join(dir, "pgbouncer"), p.dsn, mode, conns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	pooler, err := url.Parse(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = pooler.Host
	p.dsn = u.String()
	return p
}

// Behind a pooler that lends each connection to the server for one transaction, every
// request is served, by each driver and in each mode of pgx that does not prepare:
// whether Check has found the pooler, or the store was told to prepare nothing, or it
// finds out by itself. No load returns another session.
func TestField14PgBouncer(t *testing.T) {
	each(t, func(d database) bool { return isPostgres(d) && d.name != "postgres-pgx" }, func(t *testing.T, d database) {
		p := d.place(t)
		cfg := p.table(t, p.connect(t), d.dialect)
		p = p.pooled(t)
		for _, how := range []string{"checked", "told", "unchecked"} {
			t.Run(how, func(t *testing.T) {
				cfg := cfg
				cfg.Unprepared = how == "told"
				var stores []sessionStore
				for range 2 { // two processes
					s, err := newStore(p.connect(t), d.dialect, cfg)
					if err != nil {
						t.Fatal(err)
					}
					defer s.Close()
					if how != "unchecked" {
						if err := s.Check(t.Context()); err != nil {
							t.Fatal(err)
						}
						found := d.name == "postgres-pgxpool" || d.name == "postgres-pq" && how == "checked"
						warnings, err := s.Warnings(t.Context())
						if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") != found {
							t.Errorf("got warnings %q, %v", warnings, err)
						}
					}
					stores = append(stores, s)
				}
				busy(t, stores, how)
			})
		}
	})
}

// Behind a pooler in session mode, which lends a connection for as long as the client has its own,
// every driver prepares its statements as without a pooler, and Check finds nothing to warn of.
func TestField14PgBouncerSessions(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
		p := d.place(t)
		cfg := p.table(t, p.connect(t), d.dialect)
		p = p.behind(t, "session", 16)
		p.conns = 4
		var stores []sessionStore
		for range 2 { // two processes
			s := open(t, p.connect(t), d.dialect, cfg)
			warnings, err := s.Warnings(t.Context())
			if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") {
				t.Errorf("got warnings %q, %v", warnings, err)
			}
			stores = append(stores, s)
		}
		busy(t, stores, "ada")
	})
}

// Where pgx prepares statements, and a pooler loses them, Check fails. So does a statement
// that is lost. Both say what to do.
func TestField14PgxPreparesBehindPgBouncer(t *testing.T) {
	const remedy = "default_query_exec_mode=exec"
	direct := postgresSchema("pgx")(t)
	cfg := direct.table(t, direct.connect(t), sqlstore.PostgreSQL)
	p := direct.pooled(t)
	s, err := newStore(p.connect(t), sqlstore.PostgreSQL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), remedy) {
		t.Errorf("got %v, want the remedy", err)
	}

	// One process prepares a statement under the name that another one gives it, too.
	p.conns = 1
	var lost error
	for range 10 {
		other, err := newStore(p.connect(t), sqlstore.PostgreSQL, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		if _, err := other.Load(t.Context(), session.ID{1}); !errors.Is(err, session.ErrNotFound) {
			lost = err
		}
	}
	if lost == nil || !strings.Contains(lost.Error(), remedy) || strings.Count(lost.Error(), "session: ") != 1 {
		t.Errorf("got %v, want the remedy", lost)
	}
}

// A store that is told to prepare nothing is refused if pgx prepares all the same, even if
// there is only one connection. In each other mode, it works behind a pooler.
func TestField14PgxModes(t *testing.T) {
	for mode, prepares := range map[string]bool{"cache_statement": true, "cache_describe": false, "exec": false, "simple_protocol": false} {
		t.Run(mode, func(t *testing.T) {
			p := postgresMode("pgx", mode)(t)
			p.unprepared, p.conns = true, 1
			db := p.connect(t)
			cfg := p.table(t, db, sqlstore.PostgreSQL)
			s, err := newStore(db, sqlstore.PostgreSQL, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Check(t.Context()); (err != nil) != prepares || prepares && !strings.Contains(err.Error(), "default_query_exec_mode=exec") {
				t.Errorf("got %v, want an error: %t", err, prepares)
			}
			if !prepares {
				p.conns = 0
				behind := open(t, p.pooled(t).connect(t), sqlstore.PostgreSQL, cfg)
				busy(t, []sessionStore{behind}, "ada")
			}
		})
	}
}

// busy lets many sessions be created, changed and read at once, by turns in each store.
func busy(t *testing.T, stores []sessionStore, owner string) {
	t.Helper()
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			for i := range 10 {
				s := stores[(worker+i)%len(stores)]
				r := session.Record{ID: session.ID{byte(worker + 1), byte(i), owner[0], owner[len(owner)-3]}, Owner: owner, Data: fmt.Append(nil, worker, i)}
				if err := s.Create(t.Context(), r); err != nil {
					t.Errorf("create: %v", err)
					return
				}
				r.Version = 1
				if err := s.Update(t.Context(), r); err != nil {
					t.Errorf("update: %v", err)
				}
				got, err := stores[worker%len(stores)].Load(t.Context(), r.ID)
				r.Version = 2
				if err != nil || !sameRecord(got, r) || string(got.Data) != string(r.Data) {
					t.Errorf("got %+v, %v, want %+v", got, err, r)
				}
				if i%2 == 1 {
					if err := s.Delete(t.Context(), r.ID); err != nil {
						t.Errorf("delete: %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for _, err := range stores[0].ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 60 {
		t.Errorf("got %d sessions, want 60", n)
	}
}

// A connection that leads straight to the server is not taken for a pooler, and statements
// are prepared on it.
func TestField14NoPooler(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
		p := d.place(t)
		p.conns = 2
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		warnings, err := s.Warnings(t.Context())
		if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") {
			t.Errorf("got warnings %q, %v", warnings, err)
		}
		if _, err := s.Load(t.Context(), session.ID{1}); !errors.Is(err, session.ErrNotFound) {
			t.Fatal(err)
		}
		found := 0
		for range p.conns {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			n := 0
			text := "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1"
			if err := conn.QueryRowContext(t.Context(), text, "SELECT version%"+cfg.Table+"%").Scan(&n); err != nil {
				t.Fatal(err)
			}
			found += n
		}
		prepares := !strings.HasSuffix(d.name, "-exec") && !strings.HasSuffix(d.name, "-simple")
		if (found > 0) != prepares {
			t.Errorf("found %d prepared statements, want some: %t", found, prepares)
		}
	})
}

// A store that is told to prepare nothing keeps the contract.
func TestField14UnpreparedContract(t *testing.T) {
	each(t, func(d database) bool { return d.name == "postgres-pq" || d.dialect == sqlstore.MySQL }, func(t *testing.T, d database) {
		p := d.place(t)
		p.unprepared = true
		contract(t, d, p)
	})
}

// A server that prepares no more statements still serves every request.
func TestField14PreparedStatementsUsedUp(t *testing.T) {
	p := onServer(t)
	db := p.connect(t)
	cfg := p.table(t, db, sqlstore.MySQL)
	for _, limit := range []int{0, 3, 20} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			mustExec(t, db, fmt.Sprint("SET GLOBAL max_prepared_stmt_count = ", limit))
			s := open(t, p.connect(t), sqlstore.MySQL, cfg)
			busy(t, []sessionStore{s}, "ada")
			if n, err := s.Prune(t.Context(), time.Now(), 1000); err != nil || n != 60 {
				t.Errorf("pruned %d sessions, %v, want 60", n, err)
			}
			warnings, err := s.Warnings(t.Context())
			if err != nil || !strings.Contains(fmt.Sprint(warnings), "max_prepared_stmt_count") {
				t.Errorf("got warnings %q, %v", warnings, err)
			}
		})
	}
}

// A handler that holds a transaction of the pool while its response begins waits for a
// connection that it holds itself. The error says so.
func TestField15OnePoolForAll(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		const conns = 8
		p := d.place(t)
		p.conns = conns
		db := p.connect(t)
		s := open(t, db, d.dialect, p.table(t, db, d.dialect))
		began, answered := meet(conns), meet(conns)
		failures := make(chan error, conns)
		m, err := session.New(s, session.Config{
			PruneEvery: -1, StoreTimeout: 200 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			OnError: func(w http.ResponseWriter, r *http.Request, err error) {
				failures <- err
				session.DefaultError(w, r, err)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(t.Context())
		h := m.Handler(m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer tx.Rollback()
			began.wait()
			s.Set("n", 1)
			w.WriteHeader(http.StatusOK)
			answered.wait()
		}))
		var wg sync.WaitGroup
		for range conns {
			wg.Go(func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil)) })
		}
		wg.Wait()
		for range conns {
			if err := <-failures; !strings.Contains(err.Error(), "all 8 connections of the pool are in use") || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want the name of the fault", err)
			}
		}
		if err := s.Create(t.Context(), session.Record{ID: session.ID{1}}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
