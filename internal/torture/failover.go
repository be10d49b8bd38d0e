package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/tools/server"
)

// A pair is a PostgreSQL server and its synchronous replica: what the one has
// acknowledged, the other one has.
type pair struct {
	primary, standby *server.Server
	killed           bool // the primary, for good
}

func startPair(ctx context.Context, t *trial, dir string) (two pair, err error) {
	if two.primary, err = t.startServer(ctx, filepath.Join(dir, "primary")); err != nil {
		return two, err
	}
	if two.standby, err = server.StartStandby(ctx, server.FindPostgres(), filepath.Join(dir, "standby"), two.primary); err != nil {
		return two, err
	}
	db, err := sql.Open("pgx", two.primary.Address)
	if err != nil {
		return two, err
	}
	defer db.Close()
	// After the copy was made: the copy must not wait for a replica of its own.
	err = execAll(ctx, db, "ALTER SYSTEM SET synchronous_standby_names = '*'", "ALTER SYSTEM SET synchronous_commit = 'remote_apply'", "SELECT pg_reload_conf()")
	for synchronous := false; err == nil && !synchronous; wait(ctx, 10*time.Millisecond) {
		if err = ctx.Err(); err == nil {
			err = db.QueryRowContext(ctx, "SELECT exists (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')").Scan(&synchronous)
		}
	}
	return two, err
}

// stop ends both. A primary that was killed is started once more, when nobody can take it
// for one: that gives back the shared memory which it could not.
func (two pair) stop(ctx context.Context) (err error) {
	if two.standby != nil {
		two.standby.Stop()
	}
	if two.primary == nil {
		return nil
	}
	if two.killed {
		err = two.primary.Start(context.WithoutCancel(ctx))
	}
	two.primary.Stop()
	return err
}

// dsn leads to whichever of the two takes writes, as applications are advised to.
func (two pair) dsn(options string) (string, error) {
	var hosts, ports string
	for _, s := range []*server.Server{two.primary, two.standby} {
		u, err := url.Parse(s.Address)
		if err != nil {
			return "", err
		}
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil {
			return "", err
		}
		hosts, ports = hosts+","+host, ports+","+port
	}
	return fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres sslmode=disable connect_timeout=1 target_session_attrs=read-write %s",
		hosts[1:], ports[1:], options), nil
}

// failover kills the primary under load and promotes the replica. The clients go on
// without a restart; and who was connected to the replica all the time, and was refused
// every write, may write.
func (t *trial) failover(ctx context.Context) (told string, err error) {
	if missing := t.cannotStart(); missing != nil {
		return skipped(missing)
	}
	dir, err := server.Dir()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	two, err := startPair(ctx, t, dir)
	defer func() { err = errors.Join(err, two.stop(ctx)) }()
	if err != nil {
		return "", err
	}
	p, err := newPlaceAt(ctx, t.kind, t.dir, two.primary.Address)
	if err != nil {
		return "", err
	}
	if p.DSN, err = two.dsn("application_name=" + p.Schema); err != nil {
		return "", err
	}
	var away time.Duration
	told, err = t.onPlace(ctx, p, time.Now, func(l *load, _ opened) (err error) {
		wait(ctx, t.each/3)
		reader, token, err := t.onStandby(ctx, p, two, l)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, reader.close()) }()
		start := time.Now()
		two.primary.End(syscall.SIGKILL) // for good: it must not come back beside the new one
		two.killed = true
		wait(ctx, t.each/6)
		if err := reader.promote(ctx); err != nil {
			return err
		}
		if _, err := l.recovers(ctx); err != nil {
			return err
		}
		away = time.Since(start)
		if _, err := write(ctx, reader.manager, token, func(s *session.Session) { s.Set("promoted", true) }); err != nil {
			return fmt.Errorf("a write over connections from before the promotion: %w", err)
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("away for %v, %s", away.Round(time.Millisecond), told), err
}

// A reader is a store on the replica.
type reader struct {
	opened

	manager *session.Manager
}

// onStandby opens a store on the replica, and finds there what the primary has just
// acknowledged. A write is refused there, and that is a failure of the store.
func (t *trial) onStandby(ctx context.Context, p place, two pair, l *load) (r reader, token string, err error) {
	if token, err = write(ctx, l.manager, "", func(s *session.Session) { s.Set("a", 1) }); err != nil {
		return r, "", err
	}
	p.DSN = two.standby.Address + "&application_name=" + p.Schema
	if r.opened, err = p.open(ctx); err != nil {
		return r, "", err
	}
	if r.manager, err = newManager(r.Store); err != nil {
		return r, "", errors.Join(err, r.close())
	}
	_, err = write(ctx, r.manager, token, func(s *session.Session) { s.Set("promoted", true) })
	var failed *session.StoreError
	var refused *pgconn.PgError
	if !errors.As(err, &failed) || !errors.As(err, &refused) || refused.Code != "25006" {
		return r, "", errors.Join(fmt.Errorf("a write on a replica: got %w, want the refusal of a read-only server", err), r.close())
	}
	return r, token, nil
}

func (r reader) promote(ctx context.Context) error {
	var promoted bool
	err := r.db.QueryRowContext(ctx, "SELECT pg_promote()").Scan(&promoted)
	if err == nil && !promoted {
		err = errors.New("the replica does not become a primary")
	}
	return err
}
