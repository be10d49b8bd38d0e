package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session/internal/tools/server"
)

// withServer starts a server of its own and injects the faults that affect a whole server.
func (t *trial) withServer(ctx context.Context, run func(string, func(context.Context) (string, error))) (err error) {
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if missing := t.cannotStartServer(); missing != nil {
		run("server faults", func(context.Context) (string, error) { return skipped(missing) })
		return nil
	}
	s, err := t.startServer(ctx, filepath.Join(dir, t.kind))
	if err != nil {
		return err
	}
	defer s.Stop()
	on := func(f func(context.Context, *server.Server) (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return f(ctx, s) }
	}
	run("server killed and restarted", on(t.restarted))
	run("server read-only for a while", on(t.readOnly))
	if t.kind != "redis" {
		run("deadlocks with another program", on(t.deadlocks))
	}
	return nil
}

// serverStarter returns the path of the server program, "" if it is not installed, and the
// function that starts it.
func (t *trial) serverStarter() (program string, start func(ctx context.Context, program, dir string, fast bool) (*server.Server, error)) {
	switch t.kind {
	case "mariadb":
		return server.FindMariaDB(), server.StartMariaDB
	case "redis":
		return server.FindRedis(), server.StartDurableRedis
	}
	return server.FindPostgres(), server.StartPostgres
}

// cannotStartServer returns an error if the server program is not installed. That can happen
// even if the store is available, because its server may run on another machine.
func (t *trial) cannotStartServer() error {
	if program, _ := t.serverStarter(); program == "" {
		return fmt.Errorf("the server programs of %s are not installed", t.kind)
	}
	return nil
}

// skipped returns the result of an experiment that can't run here. In CI, where everything
// must run, that is an error.
func skipped(why error) (string, error) {
	if os.Getenv("CI") == "true" {
		return "", why
	}
	return "skipped: " + why.Error(), nil
}

// startServer starts a server with fsync on, as in production.
func (t *trial) startServer(ctx context.Context, dir string) (*server.Server, error) {
	program, start := t.serverStarter()
	return start(ctx, program, dir, false)
}

// restarted stops the server under load in three ways and restarts it each time.
func (t *trial) restarted(ctx context.Context, s *server.Server) (summary string, err error) {
	loc, err := newLocationAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	return t.loadLocation(ctx, loc, time.Now, func(*load, openStore) error {
		for _, end := range []func(){
			func() { s.End(syscall.SIGKILL) },
			func() { s.End(syscall.SIGQUIT) }, // "immediate" shutdown of PostgreSQL
			s.Stop,
		} {
			wait(ctx, t.each/4)
			end()
			if err := s.Start(ctx); err != nil {
				return err
			}
		}
		wait(ctx, t.each/4)
		return nil
	})
}

// readOnly makes the server reject writes for a while, as it does after becoming a replica.
// The store must report errors and recover afterwards.
func (t *trial) readOnly(ctx context.Context, s *server.Server) (summary string, err error) {
	loc, err := newLocationAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	var setReadOnly func(on string) error
	if t.kind == "redis" {
		setReadOnly = func(on string) error { return setReplica(ctx, s, on == "ON") }
	} else {
		admin, err := sql.Open(loc.driver(), s.Address)
		if err != nil {
			return "", err
		}
		defer admin.Close()
		admin.SetMaxIdleConns(-1) // so that no idle connection is counted as a leak
		setReadOnly = func(on string) error { return execAll(ctx, admin, "SET GLOBAL read_only = "+on) }
		if t.kind == "postgres" {
			setReadOnly = func(on string) error {
				return execAll(ctx, admin, "ALTER SYSTEM SET default_transaction_read_only = "+on, "SELECT pg_reload_conf()")
			}
		} else if err := loc.dropPrivileges(ctx, admin); err != nil {
			return "", err
		}
	}
	return t.loadLocation(ctx, loc, time.Now, func(l *load, _ openStore) error {
		wait(ctx, t.each/3)
		before := l.failures()
		if err := setReadOnly("ON"); err != nil {
			return err
		}
		// A store tries a write again on other connections. No request fails before that ends.
		wait(ctx, t.each/3)
		for deadline := time.Now().Add(longestTime); l.failures() == before && time.Now().Before(deadline); {
			wait(ctx, 10*time.Millisecond)
		}
		failed := l.failures() > before
		if err := setReadOnly("OFF"); err != nil {
			return err
		}
		if !failed {
			return errors.New("no request failed on a read-only server")
		}
		wait(ctx, t.each/3)
		return nil
	})
}

// dropPrivileges makes connections to loc use an unprivileged user: MariaDB's read_only does
// not apply to administrators.
func (loc *location) dropPrivileges(ctx context.Context, admin *sql.DB) error {
	cfg, err := mysql.ParseDSN(loc.DSN)
	if err != nil {
		return err
	}
	cfg.User, cfg.RejectReadOnly = "ordinary", true
	loc.DSN = cfg.FormatDSN()
	return execAll(ctx, admin, "CREATE OR REPLACE USER ordinary", "GRANT SELECT, INSERT, UPDATE, DELETE ON `"+cfg.DBName+"`.* TO ordinary")
}

func execAll(ctx context.Context, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) error {
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
