package integration

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A tracer notes the queries that reach pgx, whichever way, and what is prepared anew.
type tracer struct {
	mu                sync.Mutex
	queries, prepared []string
}

func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queries = append(t.queries, strings.ToLower(strings.Fields(d.SQL)[0]))
	return ctx
}

func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (t *tracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return ctx
}

func (t *tracer) TracePrepareEnd(_ context.Context, _ *pgx.Conn, d pgx.TracePrepareEndData) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !d.AlreadyPrepared {
		t.prepared = append(t.prepared, "anew")
	}
}

// What goes past database/sql is one query for a load, prepared once.
func TestDirectQueries(t *testing.T) {
	p := postgresSchema("pgx")(t)
	plain := p.connect(t)
	cfg := p.table(t, plain, sqlstore.PostgreSQL)
	config, err := pgx.ParseConfig(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	seen := new(tracer)
	config.Tracer = seen
	db := stdlib.OpenDB(*config)
	defer db.Close()
	db.SetMaxOpenConns(1)
	s := open(t, db, sqlstore.PostgreSQL, cfg)
	r := session.Record{ID: session.ID{1}, Owner: "ada", ExpiresAt: time.Now().UTC(), Data: []byte("x")}
	mustCreate(t, s, r)
	seen.queries, seen.prepared = nil, nil
	for range 3 {
		got, err := s.Load(t.Context(), r.ID)
		if err != nil || got.Owner != "ada" || string(got.Data) != "x" || got.Version != 1 || !got.ExpiresAt.Equal(r.ExpiresAt) {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := s.Load(t.Context(), session.ID{2}); err != session.ErrNotFound {
			t.Errorf("absent: got %v", err)
		}
	}
	if got := strings.Join(seen.queries, " "); got != "select select select select select select" {
		t.Errorf("six loads were %q", got)
	}
	if len(seen.prepared) != 1 {
		t.Errorf("six loads prepared %d statements, want 1", len(seen.prepared))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), r.ID); !errors.Is(err, sqlstore.ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	if err := db.Ping(); err != nil {
		t.Errorf("the pool after Close: %v", err)
	}
}

// A server that does not answer holds up a load no longer than its context, and the
// store works again afterwards.
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

// A statement that the server refuses to run as it was prepared is prepared anew.
func TestStalePreparedStatements(t *testing.T) {
	for name, change := range map[string]string{
		"another type": "ALTER TABLE {table} ALTER COLUMN user_agent TYPE varchar(4000)",
		"deallocated":  "DEALLOCATE ALL",
	} {
		t.Run(name, func(t *testing.T) {
			p := postgresSchema("pgx")(t)
			cfg := p.table(t, p.connect(t), sqlstore.PostgreSQL)
			p.conns = 1
			db := p.connect(t)
			s := open(t, db, sqlstore.PostgreSQL, cfg)
			r := session.Record{ID: session.ID{1}, Data: []byte("x")}
			mustCreate(t, s, r)
			r.Version = 1
			if err := s.Update(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
			table := cfg.Table
			if cfg.Schema != "" {
				table = cfg.Schema + "." + table
			}
			if _, err := db.ExecContext(t.Context(), strings.ReplaceAll(change, "{table}", table)); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Load(t.Context(), r.ID); err != nil || string(got.Data) != "x" {
				t.Errorf("load: got %q, %v", got.Data, err)
			}
			r.Version = 2
			if err := s.Update(t.Context(), r); err != nil {
				t.Errorf("update: %v", err)
			}
		})
	}
}
