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

// address returns the host and port of the server.
func (loc *location) address() (string, error) {
	if loc.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(loc.DSN)
		if err != nil {
			return "", err
		}
		return cfg.Addr, nil
	}
	u, err := url.Parse(loc.DSN)
	if err != nil {
		return "", err
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "5432"), nil
	}
	return u.Host, nil
}

// withAddress returns the same location with another server address.
func (loc location) withAddress(address string) (location, error) {
	if loc.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(loc.DSN)
		if err != nil {
			return loc, err
		}
		cfg.Net, cfg.Addr = "tcp", address
		loc.DSN = cfg.FormatDSN()
		return loc, nil
	}
	u, err := url.Parse(loc.DSN)
	if err != nil {
		return loc, err
	}
	u.Host = address
	loc.DSN = u.String()
	return loc, nil
}

// setOption sets a server variable for each connection.
func (loc *location) setOption(name, value string) error {
	if loc.Kind == "mariadb" {
		cfg, err := mysql.ParseDSN(loc.DSN)
		if err != nil {
			return err
		}
		cfg.Params = map[string]string{name: "'" + value + "'"}
		loc.DSN = cfg.FormatDSN()
		return nil
	}
	u, err := url.Parse(loc.DSN)
	if err != nil {
		return err
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	loc.DSN = u.String()
	return nil
}

// terminateConnections makes the server close all connections to this location, and no
// others.
func (loc *location) terminateConnections(ctx context.Context) error {
	if loc.Kind == "redis" {
		return loc.terminateRedis(ctx)
	}
	db, err := sql.Open(loc.driver(), loc.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	if loc.Kind == "postgres" {
		_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", loc.Schema)
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
		// KILL fails if the connection has already ended.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	return rows.Err()
}

// withTable replaces {table} in the statements with the name of the table.
func (loc *location) withTable(statements []string) []string {
	table := sqlstore.DefaultTable
	if loc.Schema != "" {
		table = loc.Schema + "." + table
	}
	var named []string
	for _, statement := range statements {
		named = append(named, strings.ReplaceAll(statement, "{table}", table))
	}
	return named
}

// openConnections counts the connections that the server has to this location or, for a
// location in files, the files that this process has open there.
func (loc *location) openConnections(ctx context.Context) (n int, err error) {
	query, args := "", []any{}
	switch loc.Kind {
	case "postgres":
		query, args = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", []any{loc.Schema}
	case "mariadb":
		query = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
	case "redis":
		ids, err := loc.redisConnections(ctx)
		return len(ids), err
	case "file", "sqlite":
		return loc.openFiles()
	default:
		return 0, nil
	}
	db, err := sql.Open(loc.driver(), loc.DSN)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// openFiles asks the kernel through /proc. It returns 0 on systems without /proc.
func (loc *location) openFiles() (n int, err error) {
	const all = "/proc/self/fd"
	open, err := os.ReadDir(all)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(loc.DSN, "file:"), "?")
	for _, file := range open {
		// Readlink fails if the file has been closed since ReadDir.
		if name, err := os.Readlink(filepath.Join(all, file.Name())); err == nil && strings.HasPrefix(name, path) {
			n++
		}
	}
	return n, err
}

// errorCounter counts the errors of PostgreSQL by SQLSTATE. It is a pgx tracer because the
// store retries some statements without reporting the error.
type errorCounter struct {
	mu     sync.Mutex
	states map[string]int
}

func (c *errorCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (c *errorCounter) TraceQueryEnd(_ context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	var e *pgconn.PgError
	if !errors.As(data.Err, &e) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.states == nil {
		c.states = map[string]int{}
	}
	c.states[e.Code]++
}

func (c *errorCounter) count(state string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.states[state]
}
