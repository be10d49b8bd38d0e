package sessionconfig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sqlstore"
)

// poolStore stands for *pgxstore.Store.
type poolStore struct {
	session.Store
	check  error
	closed int
}

func (s *poolStore) Check(context.Context) error { return s.check }
func (s *poolStore) Close() error                { s.closed++; return nil }

// The function registered with WithPostgres gets every setting of the connection and of
// the table, and the manager closes the store that it returns.
func TestWithPostgres(t *testing.T) {
	const address = "connect_timeout='5' dbname='app' host='db' password='p' port='5433' sslmode='require' user='u'"
	for _, tc := range []struct {
		name, session, database string
		environ                 []string
		want                    string
	}{
		{
			"defaults", "", "database = \"app\"", nil,
			"connect_timeout='5' dbname='app' host='127.0.0.1' port='5432' pool_max_conns='16' pool_max_conn_lifetime='87600h0m0s' pool_max_conn_idle_time='3m0s' .sessions",
		},
		{
			"everything", "[stores.database]\nschema = \"web\"\ntable = \"t\"",
			"host = \"db\"\nport = 5433\ndatabase = \"app\"\nuser = \"u\"\nmax_open = 3\nmax_lifetime = \"30m\"\noptions = { sslmode = \"require\" }",
			[]string{"DB_CONNECTIONS__MAIN__PASSWORD_FILE=secret"},
			address + " pool_max_conns='3' pool_max_conn_lifetime='30m0s' pool_max_conn_idle_time='3m0s' web.t",
		},
		{
			"dsn", "", "dsn = \"postgres://u:p@db/app\"", nil,
			"postgres://u:p@db/app?pool_max_conns=16&pool_max_conn_lifetime=87600h0m0s&pool_max_conn_idle_time=3m0s .sessions",
		},
		{
			"dsn with parameters", "", "dsn = \"postgres://u:p@db/app?sslmode=disable\"", nil,
			"postgres://u:p@db/app?sslmode=disable&pool_max_conns=16&pool_max_conn_lifetime=87600h0m0s&pool_max_conn_idle_time=3m0s .sessions",
		},
		{
			"unprepared", "", "database = \"app\"\nprepare = false", nil,
			"connect_timeout='5' dbname='app' host='127.0.0.1' port='5432' pool_max_conns='16' pool_max_conn_lifetime='87600h0m0s' pool_max_conn_idle_time='3m0s' default_query_exec_mode='exec' .sessions",
		},
		{
			"unprepared in another way", "", "dsn = \"postgres://db/app?default_query_exec_mode=simple_protocol\"\nprepare = false", nil,
			"postgres://db/app?default_query_exec_mode=simple_protocol&pool_max_conns=16&pool_max_conn_lifetime=87600h0m0s&pool_max_conn_idle_time=3m0s .sessions",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			project(t, map[string]string{
				"config/session.toml":  "store = \"database\"\n" + tc.session,
				"config/database.toml": "[connections.main]\ndriver = \"postgres\"\n" + tc.database,
				"secret":               "p\n",
			})
			var got string
			store := &poolStore{Store: memstore.New(memstore.Config{})}
			m, err := Open(t.Context(), "config", WithEnv(tc.environ), WithPostgres(func(ctx context.Context, dsn, schema, table string) (*poolStore, error) {
				if d, ok := ctx.Deadline(); !ok || time.Until(d) > answerTime {
					t.Errorf("got the deadline %v, want one in %v", d, answerTime)
				}
				got = dsn + " " + schema + "." + table
				return store, nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if m.Store() != session.Store(store) {
				t.Errorf("the store is a %T", m.Store())
			}
			if err := m.Close(t.Context()); err != nil || store.closed != 1 {
				t.Errorf("closed %d times (%v), want once", store.closed, err)
			}
		})
	}
}

// Errors of the function are reported like those of database/sql, without secrets, and
// nothing stays open.
func TestWithPostgresMistakes(t *testing.T) {
	for _, tc := range []struct {
		name        string
		open, check error
		want        string
	}{
		{
			"address", errors.New("session: failed to connect as app with hunter2"), nil,
			`config/database.toml:3: connections.main.database = "app": the database does not answer: failed to connect as app with [redacted]; check that app@127.0.0.1:5432/app is correct and that the server is running`,
		},
		{
			"names", errors.Join(&session.ConfigError{Field: "Schema", Reason: "bad schema"}, &session.ConfigError{Field: "Table", Reason: "bad table"}), nil,
			"stores.database.schema = \"\": bad schema\nsession: stores.database.table = \"sessions\": bad table",
		},
		{
			"table", nil, &sqlstore.SchemaError{Table: "sessions"},
			`stores.database.table = "sessions": there is no table sessions in the database; create it with: beam make session-table && beam db migrate (connection main (postgres app@127.0.0.1:5432/app))`,
		},
		{
			"denied", nil, errors.New("session: cannot examine the table sessions: denied"),
			`stores.database.table = "sessions": cannot examine the table sessions: denied (connection main (postgres app@127.0.0.1:5432/app))`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			project(t, map[string]string{
				"config/session.toml":  "store = \"database\"\n",
				"config/database.toml": "[connections.main]\ndriver = \"postgres\"\ndatabase = \"app\"\nuser = \"app\"\npassword = \"hunter2\"\n",
			})
			store := &poolStore{check: tc.check}
			m, err := Open(t.Context(), "config", WithEnv(nil), WithPostgres(func(_ context.Context, _, _, _ string) (*poolStore, error) {
				return store, tc.open
			}))
			if got := fmt.Sprint(err); m != nil || got != "session: "+tc.want {
				t.Errorf("got %v\n%s\nwant\nsession: %s", m, got, tc.want)
			}
			if want := map[bool]int{true: 1}[tc.check != nil]; store.closed != want {
				t.Errorf("closed %d times, want %d", store.closed, want)
			}
		})
	}
}

// Other connections, and other stores, are as without the option.
func TestWithPostgresElsewhere(t *testing.T) {
	open := WithPostgres(func(_ context.Context, _, _, _ string) (*poolStore, error) { panic("opened") })
	project(t, map[string]string{"config/session.toml": "store = \"database\"\n", "config/database.toml": sqlite})
	if _, err := Open(t.Context(), "config", WithEnv(nil), open); err == nil || !strings.Contains(err.Error(), `add the import _ "modernc.org/sqlite"`) {
		t.Errorf("SQLite: got %v", err)
	}
	project(t, map[string]string{"config/session.toml": "store = \"memory\"\n", "config/database.toml": strings.ReplaceAll(sqlite, `"sqlite"`, `"postgres"`)})
	c := load(t, nil, open)
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("memory: got %v", err)
	}
	if _, err := c.OpenDB(t.Context(), ""); err == nil || !strings.Contains(err.Error(), `add the import _ "github.com/jackc/pgx/v5/stdlib"`) {
		t.Errorf("OpenDB: got %v", err)
	}
}
