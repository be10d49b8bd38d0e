package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session/internal/tools/server"
)

// withServer runs the experiments that no other user of a server would forgive, on one
// of their own.
func (t *trial) withServer(ctx context.Context, each func(string, func(context.Context) (string, error))) (err error) {
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if missing := t.cannotStart(); missing != nil {
		each("a server of its own", func(context.Context) (string, error) { return skipped(missing) })
		return nil
	}
	s, err := t.startServer(ctx, filepath.Join(dir, t.kind))
	if err != nil {
		return err
	}
	defer s.Stop()
	on := func(run func(context.Context, *server.Server) (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return run(ctx, s) }
	}
	each("server killed and restarted", on(t.restarted))
	each("server read-only for a while", on(t.readOnly))
	each("deadlocks with another program", on(t.deadlocks))
	return nil
}

// starter returns the program of a server, "" if it is missing, and what starts it.
func (t *trial) starter() (program string, start func(ctx context.Context, program, dir string, fast bool) (*server.Server, error)) {
	if t.kind == "mariadb" {
		return server.FindMariaDB(), server.StartMariaDB
	}
	return server.FindPostgres(), server.StartPostgres
}

// cannotStart says why not: the tests may have been led to a server elsewhere.
func (t *trial) cannotStart() error {
	if program, _ := t.starter(); program == "" {
		return fmt.Errorf("the programs of %s are not installed here", t.kind)
	}
	return nil
}

// skipped is what comes of an experiment that cannot be made here. Where everything must
// run, that is an error.
func skipped(why error) (string, error) {
	if os.Getenv("CI") == "true" {
		return "", why
	}
	return "skipped: " + why.Error(), nil
}

// startServer starts one that syncs what it is told, as in production.
func (t *trial) startServer(ctx context.Context, dir string) (*server.Server, error) {
	program, start := t.starter()
	return start(ctx, program, dir, false)
}

// restarted ends the server under load in three ways, and starts it again each time.
func (t *trial) restarted(ctx context.Context, s *server.Server) (told string, err error) {
	p, err := newPlaceAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	return t.onPlace(ctx, p, time.Now, func(*load, opened) error {
		for _, end := range []func(){
			func() { s.End(syscall.SIGKILL) },
			func() { s.End(syscall.SIGQUIT) }, // "immediate", for PostgreSQL
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

// readOnly lets the server refuse writes for a while, as one does that has become a
// replica. That is a failure of the store, and passes like one.
func (t *trial) readOnly(ctx context.Context, s *server.Server) (told string, err error) {
	p, err := newPlaceAt(ctx, t.kind, t.dir, s.Address)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	admin, err := sql.Open(p.driver(), s.Address)
	if err != nil {
		return "", err
	}
	defer admin.Close()
	admin.SetMaxIdleConns(-1) // none that is there when the connections are counted
	turn := func(on string) error { return execAll(ctx, admin, "SET GLOBAL read_only = "+on) }
	if t.kind == "postgres" {
		turn = func(on string) error {
			return execAll(ctx, admin, "ALTER SYSTEM SET default_transaction_read_only = "+on, "SELECT pg_reload_conf()")
		}
	} else if err := p.asOrdinaryUser(ctx, admin); err != nil {
		return "", err
	}
	return t.onPlace(ctx, p, time.Now, func(l *load, _ opened) error {
		wait(ctx, t.each/3)
		if err := turn("ON"); err != nil {
			return err
		}
		wait(ctx, t.each/3)
		if err := turn("OFF"); err != nil {
			return err
		}
		l.mu.Lock()
		failed := l.statuses[http.StatusServiceUnavailable]
		l.mu.Unlock()
		if failed == 0 {
			return errors.New("no request failed on a server that is read-only")
		}
		wait(ctx, t.each/3)
		return nil
	})
}

// asOrdinaryUser makes the place's connections those of a user whom read_only binds.
func (p *place) asOrdinaryUser(ctx context.Context, admin *sql.DB) error {
	cfg, err := mysql.ParseDSN(p.DSN)
	if err != nil {
		return err
	}
	cfg.User, cfg.RejectReadOnly = "ordinary", true
	p.DSN = cfg.FormatDSN()
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
