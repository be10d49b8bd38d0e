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
	s, err := server.StartPgBouncer(t.Context(), program, filepath.Join(dir, "pgbouncer"), p.dsn, 4)
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
// request is served, by each driver and in each of pgx's modes: whether Check has found
// the pooler, or the store was told to prepare nothing, or it finds out by itself. No
// load returns another session.
func TestField14PgBouncer(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
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
					if how == "checked" {
						if err := s.Check(t.Context()); err != nil {
							t.Fatal(err)
						}
						warnings, err := s.Warnings(t.Context())
						prepares := !strings.HasSuffix(d.name, "-exec") && !strings.HasSuffix(d.name, "-simple")
						if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") != prepares {
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

// A connection that leads straight to the server is not taken for a pooler.
func TestField14NoPooler(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
		warnings, err := d.store(t).Warnings(t.Context())
		if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") {
			t.Errorf("got warnings %q, %v", warnings, err)
		}
	})
}

// A store that is told to prepare nothing keeps the contract.
func TestField14UnpreparedContract(t *testing.T) {
	each(t, func(d database) bool { return isServer(d) && d.driver != pgxPool }, func(t *testing.T, d database) {
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
