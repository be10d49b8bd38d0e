package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/sqlstore"
)

// A transaction that PostgreSQL aborts with 40001 at its commit, after its statement has succeeded, is
// repeated by every method, with every driver. So are those of databases that speak the same
// protocol and abort like this by design, but none of them was run here.
func TestAbortedCommits(t *testing.T) {
	each(t, isPostgres, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		abort := func(when string) {
			mustExec(t, db, `CREATE OR REPLACE FUNCTION "`+p.schema+`".abort() RETURNS trigger LANGUAGE plpgsql AS $$
				DECLARE n bigint := nextval('"`+p.schema+`".tries');
				BEGIN
					IF `+when+` THEN RAISE EXCEPTION 'restart transaction' USING ERRCODE = '40001'; END IF;
					RETURN NULL;
				END $$`)
		}
		mustExec(t, db, `CREATE SEQUENCE "`+p.schema+`".tries`)
		abort("n % 3 <> 0")
		mustExec(t, db, `CREATE CONSTRAINT TRIGGER abort AFTER INSERT OR UPDATE OR DELETE ON `+quoted(d.dialect, cfg)+`
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "`+p.schema+`".abort()`)
		tries := func() (n int) {
			t.Helper()
			if err := db.QueryRowContext(t.Context(), `SELECT last_value FROM "`+p.schema+`".tries`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		s := open(t, db, d.dialect, cfg)
		ctx, now := t.Context(), time.Now()
		at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
		r := session.Record{ID: session.ID{1}, Owner: "ada", ExpiresAt: at(1), Data: []byte("x")}
		other := session.Record{ID: session.ID{2}, Owner: "ada", Version: 7, ExpiresAt: at(-2)}
		writes := 0
		for _, w := range []struct {
			name string
			do   func() error
		}{
			{"create", func() error { return s.Create(ctx, r) }},
			{"update", func() error { r.Version = 1; return s.Update(ctx, r) }},
			{"touch", func() error { return s.Touch(ctx, r.ID, at(1), at(2)) }},
			{"import", func() error { return s.(session.Importer).Import(ctx, other) }},
			{"prune", func() error { _, err := s.Prune(ctx, now, 10); return err }},
			{"delete of an owner", func() error {
				_, err := s.(session.OwnerDeleter).DeleteOwned(ctx, "ada", []session.ID{r.ID})
				return err
			}},
			{"create again", func() error { return s.Create(ctx, r) }},
			{"delete", func() error { return s.Delete(ctx, r.ID) }},
		} {
			if err := w.do(); err != nil {
				t.Fatalf("%s: %v", w.name, err)
			}
			if writes++; tries() != 3*writes {
				t.Fatalf("%s: got %d tries, want 3", w.name, tries()-3*(writes-1))
			}
			if w.name == "touch" {
				if got, err := s.Load(ctx, r.ID); err != nil || got.Version != 2 || !got.ExpiresAt.Equal(at(2)) {
					t.Errorf("got %+v, %v, want version 2 that expires at %v", got, err, at(2))
				}
			}
		}
		for r, err := range s.List(ctx) {
			t.Errorf("got %v, %v, want no session", r.ID, err)
		}

		abort("n % 5 = 0")
		busy(t, []sessionStore{s}, "bob")
		abort("true")
		err := s.Create(ctx, r)
		var failed *session.StoreError
		if !errors.As(err, &failed) || sqlState(err) != "40001" {
			t.Errorf("a commit that always fails: got %v, want a StoreError with 40001", err)
		}
		if _, err := s.Load(ctx, r.ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	})
}

func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// A commit that waits for a replica until its context ends is no success, although the server reports
// one after the driver has cancelled the wait: the primary has the commit, but the replica may not.
func TestCommitWithoutItsReplica(t *testing.T) {
	testserver.DSN(t, testserver.Postgres) // so that it is skipped where there is none
	bin := server.FindPostgres()
	if bin == "" {
		t.Skip("the server of SESSION_TEST_POSTGRES is not on this machine, and its settings are not the test's to change")
	}
	dir, err := server.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	own, err := server.StartPostgres(t.Context(), bin, filepath.Join(dir, "postgres"), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Stop)
	for i, driver := range []string{"pgx", pgxPool, "postgres"} {
		t.Run(driver, func(t *testing.T) {
			p := place{driver: driver, dsn: own.Address}
			db := p.connect(t)
			cfg := p.table(t, db, sqlstore.PostgreSQL)
			s := open(t, db, sqlstore.PostgreSQL, cfg)
			r := session.Record{ID: session.ID{byte(i + 1)}, Data: []byte("x")}
			mustCreate(t, s, r)
			require := func(standby string) {
				for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '" + standby + "'", "SELECT pg_reload_conf()"} {
					mustExec(t, db, statement)
				}
				await(t, fmt.Sprintf("synchronous_standby_names is %q", standby), func() bool {
					var now string
					err := db.QueryRowContext(t.Context(), "SHOW synchronous_standby_names").Scan(&now)
					return err == nil && now == standby
				})
			}
			require("missing")
			defer require("")
			await(t, "commit that waits for the replica", func() bool { return waitsForReplica(t, db) })
			r.Version = 1
			for name, write := range map[string]func(context.Context) error{
				"create": func(ctx context.Context) error {
					return s.Create(ctx, session.Record{ID: session.ID{byte(i + 1), 1}})
				},
				"update": func(ctx context.Context) error { return s.Update(ctx, r) },
				"touch": func(ctx context.Context) error {
					return s.Touch(ctx, session.ID{byte(i + 1), 2}, time.Now(), time.Now())
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				err := write(ctx)
				cancel()
				if name == "touch" { // it changes nothing, so there is nothing to wait for
					if err != nil {
						t.Errorf("%s of a session that does not exist: %v", name, err)
					}
					continue
				}
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: got %v, want context.DeadlineExceeded", name, err)
				}
			}
		})
	}
}

// waitsForReplica reports whether a commit waits for a replica. Connections show the setting before
// it has an effect: another process of the server passes it on.
func waitsForReplica(t *testing.T, db *sql.DB) bool {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = db.ExecContext(ctx, "COMMENT ON DATABASE postgres IS 'written'") // the outcome says nothing
	}()
	defer func() { <-done }()
	for ctx.Err() == nil {
		var waiting bool
		err := db.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')").Scan(&waiting)
		if err == nil && waiting {
			return true
		}
		select {
		case <-done:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}
