package configured

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/sessionconfig"
)

// passwordRole is the role whose members need a password on the servers that "make test"
// starts.
const passwordRole = "test_password"

// Pool tests the database store on PostgreSQL with a pool of pgx.
func Pool(t *testing.T) {
	address := testserver.DSN(t, testserver.Postgres)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	schema := testserver.Name()
	Exec(t, admin, `CREATE SCHEMA "`+schema+`"`)
	defer Exec(t, admin, `DROP SCHEMA "`+schema+`" CASCADE`)

	p := pooled{NewProject(t, parts(u), sessionconfig.WithPostgres(pgxstore.Open)), admin, schema}
	t.Run("like database/sql", func(t *testing.T) { PostgreSQL(t, p.opts...) })
	t.Run("missing table", func(t *testing.T) { p.sameReport(t, "there is no table "+schema+".sessions") })
	p.Migrate(t, nil, p.environ()...)
	t.Run("size", p.size)
	t.Run("lifetime", p.lifetime)
	t.Run("password", p.password)
	t.Run("reports", func(t *testing.T) {
		p.sameReport(t, "connection refused", "DB_CONNECTIONS__MAIN__PORT="+closedPort(t))
		p.sameReport(t, "does not exist", "DB_CONNECTIONS__MAIN__USER=nobody_"+schema)
		p.sameReport(t, "does not exist", "DB_CONNECTIONS__MAIN__DATABASE=nothing_"+schema)
		p.sameReport(t, "use letters, digits and underscores only", "SESSION_STORES__DATABASE__TABLE=a b")
		p.sameReport(t, "TLS", "DB_CONNECTIONS__MAIN__OPTIONS__SSLMODE=require")
		noCA := p.environ("DB_CONNECTIONS__MAIN__OPTIONS__SSLROOTCERT=missing", "DB_CONNECTIONS__MAIN__OPTIONS__SSLMODE=verify-full")
		if got, want := p.Report(t, noCA...), "open missing: no such file"; !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %q", got, want)
		}
		p.sameReport(t, "unrecognized configuration parameter", "DB_CONNECTIONS__MAIN__OPTIONS__NONSENSE=1")
	})
}

// A pooled is a project whose program has WithPostgres.
type pooled struct {
	Project
	admin  *sql.DB
	schema string
}

func (p pooled) environ(more ...string) []string {
	return append([]string{"SESSION_STORES__DATABASE__SCHEMA=" + p.schema}, more...)
}

// poolSettings are in the DSN of pgxpool only.
var poolSettings = regexp.MustCompile(` pool_\w+='\w+'`)

// sameReport tests that the report is the one of a program without the option.
func (p pooled) sameReport(t *testing.T, want string, more ...string) {
	t.Helper()
	got := poolSettings.ReplaceAllString(p.Report(t, p.environ(more...)...), "")
	plain := Project{root: p.root}.Report(t, p.environ(more...)...)
	if got != plain || !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwithout WithPostgres\n%s\nwant both to be the same, with %q", got, plain, want)
	}
}

// open opens a manager whose connections are counted by their name.
func (p pooled) open(t *testing.T, more ...string) (m *session.Manager, count func() int) {
	t.Helper()
	name := testserver.Name()
	m, err := p.Load(t, p.environ(append(more, "DB_CONNECTIONS__MAIN__OPTIONS__APPLICATION_NAME="+name)...)...).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Store().(*pgxstore.Store); !ok {
		t.Errorf("the store is a %T", m.Store())
	}
	return m, func() (n int) {
		t.Helper()
		if err := p.admin.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// visits makes sessions at the same time.
func visits(t *testing.T, m *session.Manager, n int) {
	t.Helper()
	h := m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("here", true) })
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if w.Code != http.StatusOK {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
}

// none waits until the server has noticed that no connection is open.
func none(t *testing.T, count func() int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for n := count(); n > 0; n = count() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d connections are still open", n)
		}
	}
}

// No more connections than max_open are opened. They stay open, and end with the manager.
func (p pooled) size(t *testing.T) {
	m, count := p.open(t, "DB_CONNECTIONS__MAIN__MAX_OPEN=2")
	visits(t, m, 50)
	if n := count(); n != 2 {
		t.Errorf("%d connections, want max_open: 2", n)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
	none(t, count)
}

// A connection that is older than max_lifetime is not used again.
func (p pooled) lifetime(t *testing.T) {
	m, count := p.open(t, "DB_CONNECTIONS__MAIN__MAX_LIFETIME=1ms")
	defer m.Close(t.Context())
	visits(t, m, 5)
	none(t, count)
}

// The password can come from a file, and a wrong one is reported.
func (p pooled) password(t *testing.T) {
	name := testserver.Name()
	Exec(t, p.admin, "DO $$ BEGIN CREATE ROLE "+passwordRole+"; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
	Exec(t, p.admin, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s' IN ROLE %s", name, strings.ReplaceAll(secret, "'", "''"), passwordRole))
	Exec(t, p.admin, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s", p.schema, name))
	Exec(t, p.admin, fmt.Sprintf("GRANT SELECT, INSERT, UPDATE, DELETE ON %s.sessions TO %s", p.schema, name))
	defer Exec(t, p.admin, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %s", name, name))

	p.Write(t, "password", secret+"\n")
	p.Works(t, p.environ("DB_CONNECTIONS__MAIN__USER="+name, "DB_CONNECTIONS__MAIN__PASSWORD_FILE=password")...)

	wrong := []string{"DB_CONNECTIONS__MAIN__USER=" + name, "DB_CONNECTIONS__MAIN__PASSWORD=" + secret + "x"}
	if c := p.Load(t, p.environ(wrong...)...); c.Check(t.Context()) == nil && os.Getenv("CI") != "true" {
		t.Skip("this server trusts everybody, also members of the role " + passwordRole)
	}
	p.sameReport(t, "the database does not answer: ", wrong...)
	p.sameReport(t, "password authentication failed", wrong...)
	quiet(t, p.Report(t, p.environ(wrong...)...))
}
