package integration

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/respawn"
	"github.com/expanse-go/session/internal/watchcheck"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/sqlstore"
)

// watcher returns a manager on a store.
func watcher(t *testing.T, s session.Store, every time.Duration) (*session.Manager, *failures) {
	t.Helper()
	f := &failures{seen: make(chan error, 1000)}
	m, err := session.New(s, session.Config{PruneEvery: -1, WatchEvery: every, OnEvent: f.event, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m, f
}

// A failures gets the events about failures of a store.
type failures struct{ seen chan error }

func (f *failures) event(_ context.Context, e session.Event) {
	if e.Kind == session.EventFailed {
		f.seen <- e.Err
	}
}

// A watch ends when another manager, with a pool of its own, ends the session or replaces the
// token, and not when it writes. A pgxstore tells without a poll, whose time never comes.
func TestWatch(t *testing.T) {
	each(t, onDiskOrPool, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		every := 100 * time.Millisecond
		if d.driver == pgxPool {
			every = 24 * time.Hour
		}
		m, _ := watcher(t, open(t, db, d.dialect, cfg), every)
		other, _ := watcher(t, open(t, p.connect(t), d.dialect, cfg), every)

		watchcheck.Managers(t, m, other)
	})
}

func onDiskOrPool(d database) bool { return onDisk(d) || d.driver == pgxPool }

// One statement asks for 10,000 watched sessions.
func TestWatchStatements(t *testing.T) {
	each(t, onDisk, func(t *testing.T, d database) {
		s, spy := d.spiedStore(t, 4)
		now := time.Now()
		ids := make([]session.ID, 10_000)
		for i := range ids {
			ids[i] = session.ID{byte(i), byte(i >> 8), 1}
			if i%100 == 0 {
				mustCreate(t, s, session.Record{ID: ids[i], ExpiresAt: now})
			}
		}
		log := spy.during(func() {
			found, err := s.Stat(t.Context(), ids)
			if err != nil || len(found) != len(ids)/100 {
				t.Errorf("%d records, %v", len(found), err)
			}
		})
		if len(log) != 1 || log[0] != "select" {
			t.Errorf("the statements are %q, want one", log)
		}
	})
}

// A lost connection is reported once and replaced. What happens meanwhile is noticed.
func TestWatchConnectionLost(t *testing.T) {
	p := postgresSchema(pgxPool)(t)
	db := p.connect(t)
	cfg := p.table(t, db, sqlstore.PostgreSQL)
	before := goleak.IgnoreCurrent()
	s, err := pgxstore.Open(t.Context(), p.dsn, cfg.Schema, cfg.Table)
	if err != nil {
		t.Fatal(err)
	}
	m, failed := watcher(t, s, time.Second)
	other, _ := watcher(t, open(t, db, sqlstore.PostgreSQL, cfg), -1) // does not broadcast
	token := watchcheck.Login(t, other, "ada")
	ctx := watchcheck.Watch(t, m, token)
	listeners(t, db, cfg.Table, false)
	listeners(t, db, cfg.Table, true)
	if err := <-failed.seen; !strings.Contains(err.Error(), "listen") {
		t.Error(err)
	}
	watchcheck.Change(t, other, token, (*session.Session).Invalidate)
	watchcheck.Ends(ctx, t, session.ErrEnded)
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}

// listeners waits until a connection listens on the channel of a table, or ends it.
func listeners(t *testing.T, db *sql.DB, table string, end bool) {
	t.Helper()
	const own = " FROM pg_stat_activity WHERE query = 'LISTEN \"session:' || $1 || '\"'"
	if end {
		mustExec(t, db, "SELECT pg_terminate_backend(pid)"+own, table)
		return
	}
	for n := 0; n == 0; {
		if err := db.QueryRowContext(t.Context(), "SELECT count(*)"+own, table).Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
}

// Behind a pooler, where nobody can listen, the poll tells.
func TestWatchBehindAPooler(t *testing.T) {
	p := postgresSchema(pgxPool)(t)
	db := p.connect(t)
	cfg := p.table(t, db, sqlstore.PostgreSQL)
	pooled := open(t, p.pooled(t).connect(t), sqlstore.PostgreSQL, cfg)
	if err := pooled.(*pgxstore.Store).Listen(t.Context(), func(session.ID) {}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen: %v, want ErrUnsupported", err)
	}
	m, failed := watcher(t, pooled, 100*time.Millisecond)
	other, _ := watcher(t, pooled, -1)
	token := watchcheck.Login(t, other, "ada")
	ctx := watchcheck.Watch(t, m, token)
	watchcheck.Change(t, other, token, (*session.Session).Invalidate)
	watchcheck.Ends(ctx, t, session.ErrEnded)
	select {
	case err := <-failed.seen:
		t.Errorf("an event about %v", err)
	default:
	}
}

// A watchJob is the argument of a child process that watches a session. Its Token is a string,
// because a [session.Token] does not show itself.
type watchJob struct{ DSN, Schema, Table, Token string }

// watchHere watches a session, and prints why the watch has ended.
func watchHere(args []byte) error {
	var job watchJob
	if err := json.Unmarshal(args, &job); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchcheck.Patience)
	defer cancel()
	store, err := pgxstore.Open(ctx, job.DSN, job.Schema, job.Table)
	if err != nil {
		return err
	}
	m, err := session.New(store, session.Config{PruneEvery: -1, WatchEvery: 24 * time.Hour})
	if err != nil {
		return err
	}
	s, err := m.Load(ctx, session.Token(job.Token))
	if err != nil {
		return err
	}
	watched, stop := s.Watch(ctx)
	defer stop()
	fmt.Println(s.Owner())
	<-watched.Done()
	cause := context.Cause(watched)
	fmt.Println(errors.Is(cause, session.ErrEnded), errors.Is(cause, session.ErrReplaced))
	return m.Close(ctx)
}

// A logout in one process ends a stream in another.
func TestWatchProcesses(t *testing.T) {
	p := postgresSchema(pgxPool)(t)
	db := p.connect(t)
	cfg := p.table(t, db, sqlstore.PostgreSQL)
	m, _ := watcher(t, open(t, db, sqlstore.PostgreSQL, cfg), 24*time.Hour)
	token := watchcheck.Login(t, m, "ada")
	cmd, _, out, err := respawn.Start("watch", watchJob{p.dsn, cfg.Schema, cfg.Table, string(token)})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "ada" {
		t.Fatalf("the child says %q, %v", lines.Text(), lines.Err())
	}
	watchcheck.Change(t, m, token, (*session.Session).Invalidate)
	if !lines.Scan() || lines.Text() != "true false" {
		t.Errorf("the child says %q, %v", lines.Text(), lines.Err())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
