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

// A pair is a PostgreSQL server and its standby.
type pair struct {
	primary, standby *server.Server
	link             *proxy // between the two
	killed           bool   // whether the primary was killed for good
}

// startPair starts an asynchronous pair.
func startPair(ctx context.Context, t *trial, dir string) (servers pair, err error) {
	if servers.primary, err = t.startServer(ctx, filepath.Join(dir, "primary")); err != nil {
		return servers, err
	}
	u, err := url.Parse(servers.primary.Address)
	if err != nil {
		return servers, err
	}
	if servers.link, err = newProxy(u.Host); err != nil {
		return servers, err
	}
	u.Host = servers.link.address()
	servers.standby, err = server.StartStandby(ctx, server.FindPostgres(), filepath.Join(dir, "standby"), &server.Server{Address: u.String()})
	return servers, err
}

// synchronize makes each commit wait for the standby: synchronous_commit is on or remote_apply.
// The standby then has every commit that the primary acknowledged. This comes after the base
// backup, or the standby would wait for a standby of its own.
func (servers pair) synchronize(ctx context.Context, synchronousCommit string) error {
	db, err := sql.Open("pgx", servers.primary.Address)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := execAll(ctx, db, "ALTER SYSTEM SET synchronous_standby_names = '*'", "ALTER SYSTEM SET synchronous_commit = "+synchronousCommit, "SELECT pg_reload_conf()"); err != nil {
		return err
	}
	// The view pg_stat_replication shows the new setting before commits follow it: the checkpointer
	// tells them. So look for a commit that waits, while the standby hears of it late.
	servers.link.set(latency)
	defer servers.link.set(noFault)
	probing, stop := context.WithCancel(ctx)
	probes := make(chan error, 1)
	go func() {
		var err error
		for err == nil && probing.Err() == nil {
			_, err = db.ExecContext(ctx, "SELECT pg_logical_emit_message(true, 'torture', '')")
		}
		probes <- err
	}()
	for waits := false; err == nil && !waits; wait(ctx, time.Millisecond) {
		if err = ctx.Err(); err == nil {
			err = db.QueryRowContext(ctx, "SELECT exists (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep')").Scan(&waits)
		}
	}
	stop()
	return errors.Join(err, <-probes)
}

// stop stops both servers. It first restarts a killed primary, after all clients are gone,
// to release the shared memory that it left behind.
func (servers pair) stop(ctx context.Context) (err error) {
	if servers.standby != nil {
		servers.standby.Stop()
	}
	if servers.link != nil {
		err = servers.link.close()
	}
	if servers.primary == nil {
		return nil
	}
	if servers.killed {
		err = errors.Join(err, servers.primary.Start(context.WithoutCancel(ctx)))
	}
	servers.primary.Stop()
	return err
}

// dsn returns a DSN with both hosts that connects to the one that accepts writes, as
// recommended to applications.
func (servers pair) dsn(options string) (string, error) {
	var hosts, ports string
	for _, s := range []*server.Server{servers.primary, servers.standby} {
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

// failover kills the primary under load and promotes the standby. The clients must recover
// without a restart. A store that was connected to the standby before, where its writes
// failed, must be able to write after the promotion.
func (t *trial) failover(ctx context.Context) (summary string, err error) {
	if missing := t.cannotStartServer(); missing != nil {
		return skipped(missing)
	}
	dir, err := server.Dir()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	servers, err := startPair(ctx, t, dir)
	defer func() { err = errors.Join(err, servers.stop(ctx)) }()
	if err == nil {
		err = servers.synchronize(ctx, "remote_apply")
	}
	if err != nil {
		return "", err
	}
	loc, err := newLocationAt(ctx, t.kind, t.dir, servers.primary.Address)
	if err != nil {
		return "", err
	}
	if loc.DSN, err = servers.dsn("application_name=" + loc.Schema); err != nil {
		return "", err
	}
	var downtime time.Duration
	summary, err = t.loadLocation(ctx, loc, time.Now, func(l *load, _ openStore) (err error) {
		wait(ctx, t.each/3)
		standby, token, err := t.openStandby(ctx, loc, servers, l)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, standby.close()) }()
		start := time.Now()
		servers.primary.End(syscall.SIGKILL) // for good: two primaries must not run at the same time
		servers.killed = true
		wait(ctx, t.each/6)
		if err := standby.promote(ctx); err != nil {
			return err
		}
		if _, err := l.waitForRecovery(ctx); err != nil {
			return err
		}
		downtime = time.Since(start)
		if _, err := write(ctx, standby.manager, token, func(s *session.Session) { s.Set("promoted", true) }); err != nil {
			return fmt.Errorf("write over a connection from before the promotion: %w", err)
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("downtime %v, %s", downtime.Round(time.Millisecond), summary), err
}

// A standbyStore is a store on the standby server.
type standbyStore struct {
	openStore

	manager *session.Manager
}

// openStandby opens a store on the standby and loads the session that the primary has just
// acknowledged. Check must refuse the standby, and a write there must fail with a
// StoreError.
func (t *trial) openStandby(ctx context.Context, loc location, servers pair, l *load) (r standbyStore, token string, err error) {
	if token, err = write(ctx, l.manager, "", func(s *session.Session) { s.Set("a", 1) }); err != nil {
		return r, "", err
	}
	loc.DSN = servers.standby.Address + "&application_name=" + loc.Schema
	if checked, err := loc.open(ctx); !isReadOnly(err) {
		return r, "", errors.Join(fmt.Errorf("check of a standby: got error %w, want SQLSTATE 25006 (read-only)", err), checked.close())
	}
	if r.openStore, err = loc.openUnchecked(); err != nil {
		return r, "", err
	}
	if r.manager, err = newManager(r.Store); err != nil {
		return r, "", errors.Join(err, r.close())
	}
	_, err = write(ctx, r.manager, token, func(s *session.Session) { s.Set("promoted", true) })
	var failed *session.StoreError
	if !errors.As(err, &failed) || !isReadOnly(err) {
		return r, "", errors.Join(fmt.Errorf("write on a standby: got error %w, want SQLSTATE 25006 (read-only)", err), r.close())
	}
	return r, token, nil
}

func isReadOnly(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "25006"
}

func (r standbyStore) promote(ctx context.Context) error {
	var promoted bool
	err := r.db.QueryRowContext(ctx, "SELECT pg_promote()").Scan(&promoted)
	if err == nil && !promoted {
		err = errors.New("the standby was not promoted")
	}
	return err
}
