package integration

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session/internal/integration/configured"
	"github.com/expanse-go/session/sqlstore"
)

// project is a project whose connection leads to the place, by its parts.
func (p place) project(t *testing.T) configured.Project {
	t.Helper()
	driver, host, user, database := "postgres", "", "", ""
	if p.driver == "mysql" {
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		driver, host, user, database = "mysql", cfg.Addr, cfg.User, cfg.DBName
	} else {
		u, err := url.Parse(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		host, user, database = u.Host, u.User.Username(), strings.TrimPrefix(u.Path, "/")
	}
	host, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	options := ""
	if driver == "postgres" {
		options = `options = { sslmode = "disable" }`
	}
	return configured.NewProject(t, fmt.Sprintf("driver = %q\nhost = %q\nport = %s\nuser = %q\ndatabase = %q\n%s", driver, host, port, user, database, options))
}

// On a server without autocommit, the connections of a configured store have it, and a
// store on other connections is refused.
func TestField04ConfiguredAutocommit(t *testing.T) {
	p := onServer(t)
	admin := p.connect(t)
	mustExec(t, admin, "SET GLOBAL autocommit = 0")
	project := p.project(t)
	project.Migrate(t, nil)
	project.Works(t)
	project.Works(t, "DB_CONNECTIONS__MAIN__OPTIONS__SQL_MODE='STRICT_ALL_TABLES'")
	if got := project.Report(t, "DB_CONNECTIONS__MAIN__DSN="+p.dsn); !strings.Contains(got, `autocommit is "OFF"`) || !strings.Contains(got, "autocommit=1") {
		t.Errorf("with a DSN: got %s", got)
	}
	if got := project.Report(t, "DB_CONNECTIONS__MAIN__OPTIONS__SQL_MODE=''"); !strings.Contains(got, `sql_mode is ""`) {
		t.Errorf("without a strict mode: got %s", got)
	}
	c := project.Load(t, "DB_CONNECTIONS__MAIN__OPTIONS__AUTOCOMMIT=1")
	warnings, err := c.CheckWarnings(t.Context()) // the server does not wait for the disk
	if err != nil || !strings.Contains(fmt.Sprint(warnings), "innodb_flush_log_at_trx_commit") {
		t.Errorf("got warnings %v, %v", warnings, err)
	}
}

// Idle connections are closed before a network forgets them.
func TestField13ConfiguredIdleTime(t *testing.T) {
	each(t, func(d database) bool { return d.name == "postgres-pgx" || d.name == "mysql" }, func(t *testing.T, d database) {
		p := d.place(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, d.dialect)
		app, role := p.as(t, admin, d.dialect, cfg, allPrivileges)
		environ := []string{"SESSION_STORES__DATABASE__TABLE=" + cfg.Table, "DB_CONNECTIONS__MAIN__MAX_IDLE_TIME=1s"}
		if p.schema != "" {
			environ = append(environ, "SESSION_STORES__DATABASE__SCHEMA="+p.schema)
		}
		m, err := app.project(t).Load(t, environ...).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close(t.Context())
		query := "SELECT count(*) FROM pg_stat_activity WHERE usename = '" + role + "'"
		if d.dialect == sqlstore.MySQL {
			query = "SELECT count(*) FROM information_schema.processlist WHERE user = '" + role + "'"
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for open := 1; open > 0; time.Sleep(10 * time.Millisecond) {
			if err := admin.QueryRowContext(ctx, query).Scan(&open); err != nil {
				t.Fatalf("%d connections are open: %v", open, err)
			}
		}
	})
}

// A configured store works behind a pooler that loses prepared statements, if the options
// of the connection do not insist on them.
func TestField14ConfiguredPooler(t *testing.T) {
	p := postgresSchema("pgx")(t)
	cfg := p.table(t, p.connect(t), sqlstore.PostgreSQL)
	project := p.pooled(t).project(t)
	const mode = "DB_CONNECTIONS__MAIN__OPTIONS__DEFAULT_QUERY_EXEC_MODE="
	environ := []string{"SESSION_STORES__DATABASE__TABLE=" + cfg.Table, "SESSION_STORES__DATABASE__SCHEMA=" + p.schema}
	for setting, warned := range map[string]bool{
		"DB_CONNECTIONS__MAIN__PREPARE=true":  true,
		"DB_CONNECTIONS__MAIN__PREPARE=false": false,
		mode + "exec":                         false,
	} {
		e := append(slices.Clone(environ), setting)
		project.Works(t, e...)
		warnings, err := project.Load(t, e...).CheckWarnings(t.Context())
		if err != nil || strings.Contains(fmt.Sprint(warnings), "pooler") != warned {
			t.Errorf("%s: got warnings %v, %v", setting, warnings, err)
		}
	}
	if got := project.Report(t, append(environ, mode+"cache_statement")...); !strings.Contains(got, "add default_query_exec_mode=exec") {
		t.Errorf("got %s", got)
	}
}
