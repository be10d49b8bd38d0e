// Package configured tests sessionconfig with real databases. sessionconfig prefers one
// driver of a dialect to another, so each set of drivers needs its own test binary: the
// packages first and second call the tests in this package.
package configured

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// Project is the folder of an application.
type Project struct {
	root string
	opts []sessionconfig.Option
}

// NewProject creates a project whose session.toml selects the database store, and whose
// program passes the options.
func NewProject(tb testing.TB, connection string, opts ...sessionconfig.Option) Project {
	tb.Helper()
	p := Project{tb.TempDir(), opts}
	p.Write(tb, "config/session.toml", "store = \"database\"\n")
	p.Write(tb, "config/database.toml", "default = \"main\"\n[connections.main]\n"+connection+"\n")
	return p
}

// Write writes a file.
func (p Project) Write(tb testing.TB, name, text string) {
	tb.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// Path returns the path of a file of the project.
func (p Project) Path(name string) string { return filepath.Join(p.root, name) }

// Load loads the configuration, which must be valid.
func (p Project) Load(tb testing.TB, environ ...string) *sessionconfig.Config {
	tb.Helper()
	c, err := p.load(environ)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (p Project) load(environ []string) (*sessionconfig.Config, error) {
	return sessionconfig.Load(p.Path("config"), append([]sessionconfig.Option{
		sessionconfig.WithEnv(environ), sessionconfig.WithLogger(slog.New(slog.DiscardHandler)),
	}, p.opts...)...)
}

// Report returns the error of Check, without the path of the project.
func (p Project) Report(tb testing.TB, environ ...string) string {
	tb.Helper()
	c, _ := p.load(environ)
	err := c.Check(tb.Context())
	if err == nil {
		tb.Fatal("got no report")
	}
	return strings.ReplaceAll(err.Error(), p.root+"/", "")
}

// Migrate creates the table, as beam db migrate does, and then calls look with the
// database.
func (p Project) Migrate(tb testing.TB, look func(*sql.DB), environ ...string) {
	tb.Helper()
	c := p.Load(tb, environ...)
	con, err := c.Connection("")
	if err != nil {
		tb.Fatal(err)
	}
	db, err := c.OpenDB(tb.Context(), "")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	steps, err := sqlstore.Migrations(con.Dialect, c.Table())
	if err != nil {
		tb.Fatal(err)
	}
	for _, step := range steps {
		for _, statement := range step.Statements() {
			Exec(tb, db, statement)
		}
	}
	if look != nil {
		look(db)
	}
}

// Exec runs a statement.
func Exec(tb testing.TB, db *sql.DB, statement string) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// Works checks that a session survives several requests and restarts.
func (p Project) Works(tb testing.TB, environ ...string) {
	tb.Helper()
	var cookie *http.Cookie
	for visits := 1; visits <= 4; visits++ {
		m, err := p.Load(tb, environ...).Open(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		h := m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			session.Update(s, "visits", func(n int) int { return n + 1 })
			fmt.Fprint(w, session.Get(s, "visits", 0))
		})
		r := httptest.NewRequest("GET", "/", nil)
		if cookie != nil {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got, want := w.Body.String(), fmt.Sprint(visits); got != want {
			tb.Fatalf("visit %d: got %s (%d), want %s", visits, got, w.Code, want)
		}
		for _, c := range w.Result().Cookies() {
			cookie = c
		}
		if err := m.Close(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
}
