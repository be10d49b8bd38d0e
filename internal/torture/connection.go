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
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expanse-go/session/sqlstore"
)

// address is where the server of a place listens.
func (p *place) address() (string, error) {
	if p.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(p.DSN)
		if err != nil {
			return "", err
		}
		return cfg.Addr, nil
	}
	u, err := url.Parse(p.DSN)
	if err != nil {
		return "", err
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "5432"), nil
	}
	return u.Host, nil
}

// via is the same place behind another address, where MariaDB's driver gives up by
// itself.
func (p place) via(address string) (place, error) {
	if p.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(p.DSN)
		if err != nil {
			return p, err
		}
		cfg.Net, cfg.Addr = "tcp", address
		cfg.ReadTimeout, cfg.WriteTimeout = storeTimeout/2, storeTimeout/5 // as sessionconfig has it
		p.GivesUp = cfg.ReadTimeout + cfg.WriteTimeout
		p.DSN = cfg.FormatDSN()
		return p, nil
	}
	u, err := url.Parse(p.DSN)
	if err != nil {
		return p, err
	}
	u.Host = address
	p.DSN = u.String()
	return p, nil
}

// option sets a variable of the server for each connection.
func (p *place) option(name, value string) error {
	if p.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(p.DSN)
		if err != nil {
			return err
		}
		cfg.Params = map[string]string{name: "'" + value + "'"}
		p.DSN = cfg.FormatDSN()
		return nil
	}
	u, err := url.Parse(p.DSN)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	p.DSN = u.String()
	return nil
}

// hangUp lets the server end the connections to this place, and to no other one.
func (p *place) hangUp(ctx context.Context) error {
	db, err := sql.Open(p.driver(), p.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	if p.Kind == "postgres" {
		_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", p.Schema)
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		// On another connection, and it may have ended meanwhile.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	return rows.Err()
}

// named puts the name of the table into statements.
func (p *place) named(statements []string) []string {
	table := sqlstore.DefaultTable
	if p.Schema != "" {
		table = p.Schema + "." + table
	}
	var named []string
	for _, statement := range statements {
		named = append(named, strings.ReplaceAll(statement, "{table}", table))
	}
	return named
}

// connections is how many connections to this place its server has, or how many files
// of it this process has open.
func (p *place) connections(ctx context.Context) (n int, err error) {
	query, args := "", []any{}
	switch p.Kind {
	case "postgres":
		query, args = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", []any{p.Schema}
	case "mariadb":
		query = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
	case "file", "sqlite":
		return p.openFiles()
	default:
		return 0, nil
	}
	db, err := sql.Open(p.driver(), p.DSN)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// openFiles asks the kernel. One that cannot be asked has none.
func (p *place) openFiles() (n int, err error) {
	const all = "/proc/self/fd"
	open, err := os.ReadDir(all)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(p.DSN, "file:"), "?")
	for _, file := range open {
		// That the file is closed meanwhile is no error.
		if name, err := os.Readlink(filepath.Join(all, file.Name())); err == nil && strings.HasPrefix(name, path) {
			n++
		}
	}
	return n, err
}

// refusals counts the statements that PostgreSQL refused, by the code of the reason. It
// is a tracer because the store tries some of them again, and tells nobody.
type refusals struct {
	mu     sync.Mutex
	states map[string]int
}

func (r *refusals) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (r *refusals) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	var e *pgconn.PgError
	if !errors.As(data.Err, &e) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.states == nil {
		r.states = map[string]int{}
	}
	r.states[e.Code]++
}

// count is how often it was for this reason.
func (r *refusals) count(state string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.states[state]
}
