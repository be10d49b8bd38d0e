package integration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A load of a server that does not answer ends with its context, and the store works
// again afterwards.
func TestLoadEndsWithItsContext(t *testing.T) {
	each(t, func(d database) bool { return !isSQLite(d) }, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		mustCreate(t, s, session.Record{ID: session.ID{1}, Data: []byte("x")})
		lock, unlock := []string{"BEGIN", "LOCK TABLE " + quoted(d.dialect, cfg) + " IN ACCESS EXCLUSIVE MODE"}, "ROLLBACK"
		if d.dialect == sqlstore.MySQL {
			lock, unlock = []string{"LOCK TABLES " + quoted(d.dialect, cfg) + " WRITE"}, "UNLOCK TABLES"
		}
		other, err := p.connect(t).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		for _, text := range lock {
			if _, err := other.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 8 { // alone and together
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				if _, err := s.Load(ctx, session.ID{1}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the end of the context", err)
				}
			})
		}
		wg.Wait() // hangs, and so fails, if a load does not end
		if _, err := other.ExecContext(t.Context(), unlock); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context(), session.ID{1}); err != nil || string(got.Data) != "x" {
			t.Errorf("afterwards: got %q, %v", got.Data, err)
		}
	})
}

// If the server refuses a prepared statement because it is out of date, it is prepared
// again.
func TestStalePreparedStatements(t *testing.T) {
	for name, change := range map[string]string{
		"another type": "ALTER TABLE {table} ALTER COLUMN user_agent TYPE varchar(4000)",
		"deallocated":  "DEALLOCATE ALL",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, isPostgres, func(t *testing.T, d database) {
				p := d.place(t)
				cfg := p.table(t, p.connect(t), d.dialect)
				p.conns = 1
				db := p.connect(t)
				s := open(t, db, d.dialect, cfg)
				r := session.Record{ID: session.ID{1}, Data: []byte("x")}
				mustCreate(t, s, r)
				r.Version = 1
				if err := s.Update(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Load(t.Context(), r.ID); err != nil {
					t.Fatal(err)
				}
				mustExec(t, db, strings.ReplaceAll(change, "{table}", quoted(d.dialect, cfg)))
				if got, err := s.Load(t.Context(), r.ID); err != nil || string(got.Data) != "x" {
					t.Errorf("load: got %q, %v", got.Data, err)
				}
				r.Version = 2
				if err := s.Update(t.Context(), r); err != nil {
					t.Errorf("update: %v", err)
				}
			})
		})
	}
}

// sqlstore and pgxstore can use the same table: each reads and writes records of the
// other.
func TestStoresShareATable(t *testing.T) {
	p := postgresSchema(pgxPool)(t)
	pooled := p.connect(t)
	cfg := p.table(t, pooled, sqlstore.PostgreSQL)
	p.driver = "pgx"
	stores := []sessionStore{open(t, pooled, sqlstore.PostgreSQL, cfg), open(t, p.connect(t), sqlstore.PostgreSQL, cfg)}
	now := time.Now().UTC()
	for i, writer := range stores {
		reader := stores[1-i]
		want := session.Record{
			ID: session.ID{byte(i + 1)}, Owner: "ada", Client: session.Client{Address: "::1", UserAgent: "browser"},
			CreatedAt: now, LastActivity: now.Add(1), ExpiresAt: now.Add(time.Hour), Data: []byte{0, 0xff},
		}
		mustCreate(t, writer, want)
		want.Version, want.Owner = 1, "bob"
		if err := reader.Update(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		want.Version = 2
		for _, s := range stores {
			if got, err := s.Load(t.Context(), want.ID); err != nil || !sameRecord(got, want) || string(got.Data) != string(want.Data) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}
