package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/pgxstore"
)

// postgresFailovers promotes a replica of PostgreSQL in the place of a primary that is killed under
// load. A cheap trial does so once.
func (t *trial) postgresFailovers(ctx context.Context) error {
	var errs []error
	run := t.runner(ctx, "failover", &errs)
	if missing := t.cannotStartServer(); missing != nil {
		run("all", func(context.Context) (string, error) { return skipped(missing) })
		return errors.Join(errs...)
	}
	for _, p := range []promotion{
		{name: "asynchronous replica", mayLose: true},
		{name: "asynchronous replica, cut off before", cut: true, mayLose: true},
		{name: "synchronous replica, cut off before", synchronousCommit: "on", cut: true},
		{name: "synchronous replica", synchronousCommit: "remote_apply"},
	} {
		if !t.cheap || p.synchronousCommit == "remote_apply" {
			run(p.name, func(ctx context.Context) (string, error) { return t.promote(ctx, p) })
		}
	}
	if !t.cheap {
		run("cost of a synchronous replica", t.replicaCost)
	}
	return errors.Join(errs...)
}

// A promotion says what replica is promoted.
type promotion struct {
	name              string
	synchronousCommit string // "": asynchronous
	cut               bool   // the replica was cut off a while before the primary is killed
	mayLose           bool
}

// withPair starts a pair of servers, and calls f. Without a synchronousCommit, it is asynchronous.
func (t *trial) withPair(ctx context.Context, synchronousCommit string, f func(*pair) error) (err error) {
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	servers, err := startPair(ctx, t, dir)
	defer func() { err = errors.Join(err, servers.stop(ctx)) }()
	if err == nil && synchronousCommit != "" {
		err = servers.synchronize(ctx, synchronousCommit)
	}
	if err == nil {
		err = f(&servers)
	}
	return err
}

// promote kills the primary under load and promotes the replica, with a sqlstore and a pgxstore on the
// same table.
func (t *trial) promote(ctx context.Context, p promotion) (summary string, err error) {
	err = t.withPair(ctx, p.synchronousCommit, func(servers *pair) error {
		loc, err := newLocationAt(ctx, t.kind, t.dir, servers.primary.Address)
		if err != nil {
			return err
		}
		if loc.DSN, err = servers.dsn("application_name=" + loc.Schema); err != nil {
			return err
		}
		before := goroutines(ctx)
		if summary, err = t.promoteUnderLoad(ctx, p, servers, loc); err != nil {
			return err
		}
		return loc.checkLeaks(ctx, before)
	})
	return summary, err
}

func (t *trial) promoteUnderLoad(ctx context.Context, p promotion, servers *pair, loc location) (summary string, err error) {
	store, err := loc.open(ctx)
	if err != nil {
		return "", err
	}
	pool, pgx, err := openPGX(ctx, loc)
	if err != nil {
		return "", errors.Join(err, store.close())
	}
	store.others = []session.Store{pgx}
	var l *load
	acknowledged := 0
	summary, err = t.loadStore(ctx, store, nil, time.Now, func(running *load, _ openStore) error {
		l = running
		l.mayLose = p.mayLose
		wait(ctx, t.each/3)
		if p.cut {
			servers.link.set(blackHole)
			before := l.answered()
			wait(ctx, 2*t.each)
			acknowledged = l.answered() - before
		}
		servers.primary.End(syscall.SIGKILL)
		servers.killed = true
		servers.link.drop()
		if err := promoteStandby(ctx, servers.standby); err != nil {
			return err
		}
		if _, err := l.waitForRecovery(ctx); err != nil {
			return err
		}
		wait(ctx, t.each/3)
		return nil
	})
	err = errors.Join(err, store.close(), pgx.Close())
	pool.Close()
	if err != nil {
		return "", err
	}
	if p.cut {
		summary = fmt.Sprintf("%d responses 200 in the %v without the replica; %s", acknowledged, 2*t.each, summary)
	}
	return fmt.Sprintf("%v; %s", l.lost, summary), nil
}

func openPGX(ctx context.Context, loc location) (*pgxpool.Pool, *pgxstore.Store, error) {
	cfg, err := pgxpool.ParseConfig(loc.DSN)
	if err != nil {
		return nil, nil, err
	}
	cfg.MaxConns = maxConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	s, err := pgxstore.New(pool, pgxstore.Config{Schema: loc.Schema})
	if err == nil {
		err = s.Check(ctx)
	}
	if err != nil {
		pool.Close()
	}
	return pool, s, err
}

func promoteStandby(ctx context.Context, s *server.Server) error {
	db, err := sql.Open("pgx", s.Address)
	if err != nil {
		return err
	}
	defer db.Close()
	return standbyStore{openStore: openStore{db: db}}.promote(ctx)
}

// replicaCost measures what it costs that a commit waits for the replica.
func (t *trial) replicaCost(ctx context.Context) (summary string, err error) {
	err = t.withPair(ctx, "", func(servers *pair) (err error) {
		loc, err := newLocationAt(ctx, t.kind, t.dir, servers.primary.Address)
		if err != nil {
			return err
		}
		pool, pgx, err := openPGX(ctx, loc)
		if err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, pgx.Close())
			pool.Close()
		}()
		m, err := newManager(pgx)
		if err != nil {
			return err
		}
		for _, mode := range []string{"", "on", "remote_apply"} {
			name := "asynchronous"
			if mode != "" {
				name = mode
				if err := servers.synchronize(ctx, mode); err != nil {
					return err
				}
			}
			median, err := medianWrite(ctx, m)
			if err != nil {
				return err
			}
			summary += fmt.Sprintf(", %s %v", name, median)
		}
		return nil
	})
	return "median of a write: " + strings.TrimPrefix(summary, ", "), err
}

// medianWrite returns how long it takes to create a session.
func medianWrite(ctx context.Context, m *session.Manager) (time.Duration, error) {
	took := make([]time.Duration, 301)
	for i := range took {
		start := time.Now()
		if _, err := write(ctx, m, "", func(s *session.Session) { s.Set("a", 1) }); err != nil {
			return 0, err
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[len(took)/2].Round(time.Microsecond), nil
}
