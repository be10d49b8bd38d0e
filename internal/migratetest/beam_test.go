package migratetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/sqlite3store"
	"github.com/boj/redistore"
	"github.com/gorilla/sessions"

	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/sessionmigrate"
	sessionfiber "github.com/expanse-go/session/sessionmigrate/fiber"
	"github.com/expanse-go/session/sessionmigrate/gorilla"
	"github.com/expanse-go/session/sessionmigrate/laravel"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
	"github.com/expanse-go/session/sessionmigrate/scs"
	"github.com/expanse-go/session/sqlstore"
)

// built is the folder that program has made, "" if no test needed it.
var built string

// program builds the command line once.
var program = sync.OnceValues(func() (file string, err error) {
	if built, err = os.MkdirTemp("", "beam"); err != nil {
		return "", err
	}
	file = filepath.Join(built, "beam")
	cmd := exec.Command("go", "build", "-o", file, ".")
	cmd.Dir = filepath.Join("..", "..", "cmd", "beam")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building beam: %w\n%s", err, out)
	}
	return file, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// A project is an application whose sessions are in SQLite.
type project struct {
	*testing.T
	dir, beam string
}

func newProject(t *testing.T) *project {
	t.Helper()
	beam, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t, t.TempDir(), beam}
	for name, text := range map[string]string{
		"session.toml":  "store = \"database\"\n",
		"database.toml": "default = \"main\"\n[connections.main]\ndriver = \"sqlite\"\ndatabase = \"new.db\"\n",
	} {
		file := filepath.Join(p.dir, "config", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.run("make", "session-table")
	p.run("db", "migrate")
	return p
}

// run runs beam, which must succeed, and returns what it prints.
func (p *project) run(args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), p.beam, args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "OLD_HASH="+string(hashKey), "OLD_BLOCK="+string(blockKey))
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("beam %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// app starts the application, without the old store.
func (p *project) app(o old, change ...func(*sessionmigrate.Config)) *app {
	p.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(p.dir, "new.db"))+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { db.Close() })
	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Config{})
	if err != nil {
		p.Fatal(err)
	}
	return newAppOn(p.T, store, o, append(change, func(c *sessionmigrate.Config) { c.Imported = true })...)
}

// beamTakes moves the sessions of an old application with the command. Then the old cookie of a
// user leads to the new session, and an interrupted run goes on.
func beamTakes(t *testing.T, o old, args ...string) {
	p := newProject(t)
	cookie := o.visit(t, "/login")
	for range 3 {
		o.visit(t, "/visit")
	}
	args = append([]string{"migrate-from"}, args...)
	if out := p.run(append(args, "--owner", "user_id", "--dry-run")...); !strings.HasPrefix(out, "would take over 4 sessions of "+args[1]) {
		t.Errorf("dry run: %s", out)
	}
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := exec.CommandContext(ctx, p.beam, append(args, "--owner", "user_id")...)
	interrupted.Dir, interrupted.Env = p.dir, append(os.Environ(), "OLD_HASH="+string(hashKey), "OLD_BLOCK="+string(blockKey))
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, cancel) // somewhere on the way, or not at all
	_ = interrupted.Wait()
	cancel()
	var first, second map[string]any
	out := p.run(append(args, "--owner", "user_id", "--json")...)
	if err := json.Unmarshal([]byte(out), &first); err != nil || fmt.Sprint(first["failed"]) != "0" || first["taken"].(float64)+first["present"].(float64) != 4 {
		t.Errorf("got %s, %v", out, err)
	}
	out = p.run(append(args, "--owner", "user_id", "--json")...)
	if err := json.Unmarshal([]byte(out), &second); err != nil || fmt.Sprint(second["present"]) != "4" || fmt.Sprint(second["taken"]) != "0" {
		t.Errorf("again: %s, %v", out, err)
	}
	a := p.app(o)
	page, err := a.try("/", cookie)
	a.wantAna(page, err)
	a.get("/logout", page.cookie)
	p.run(append(args, "--owner", "user_id")...)
	if page := a.get("/", cookie); page.Owner != "" {
		t.Errorf("signed in after the logout: %+v", page)
	}
}

func TestBeam(t *testing.T) {
	if testing.Short() {
		t.Skip("builds beam; run without -short")
	}
	t.Run("scs sqlite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "old.db")
		db := must(sql.Open("sqlite", "file:"+filepath.ToSlash(file)+"?_pragma=busy_timeout(5000)"))
		defer db.Close()
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)")
		beamTakes(t, onSCS(sqlite3store.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.SQLite, "sessions"))), "scs", "--dsn", file)
	})
	t.Run("scs postgres", func(t *testing.T) {
		db, dsn := postgres(t)
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)")
		beamTakes(t, onSCS(postgresstore.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.PostgreSQL, "sessions"))), "scs", "--dsn", dsn)
	})
	t.Run("scs mariadb", func(t *testing.T) {
		db, dsn := newDatabase(t, "mysql", testserver.DSN(t, testserver.MySQL), "`")
		statement(t, db, "CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)")
		beamTakes(t, onSCS(mysqlstore.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.MySQL, "sessions"))), "scs", "--dsn", dsn)
	})
	t.Run("scs redis", func(t *testing.T) {
		client, prefix := redisClient(t)
		beamTakes(t, onSCS(goredisstore.NewWithPrefix(client, prefix), redisrecords.New(client, prefix)), "scs", "--dsn", testserver.DSN(t, testserver.Redis), "--prefix", prefix)
	})
	t.Run("gorilla files", func(t *testing.T) {
		dir := t.TempDir()
		beamTakes(t, onGorilla(sessions.NewFilesystemStore(dir, hashKey, blockKey), must(gorilla.Files(dir, gorillaConfig))),
			"gorilla-files", "--dir", dir, "--name", sessionName, "--key-env", "OLD_HASH", "--key-env", "OLD_BLOCK")
	})
	t.Run("redistore", func(t *testing.T) {
		client, prefix := redisClient(t)
		store := must(redistore.NewRediStoreWithPool(redigoPool(t), hashKey, blockKey))
		store.SetKeyPrefix(prefix)
		beamTakes(t, onGorilla(store, must(gorilla.Redis(redisrecords.New(client, prefix), gorillaConfig))),
			"redistore", "--dsn", testserver.DSN(t, testserver.Redis), "--prefix", prefix, "--name", sessionName, "--key-env", "OLD_HASH", "--key-env", "OLD_BLOCK")
	})
	t.Run("fiber", func(t *testing.T) {
		client, prefix := redisClient(t)
		o := onFiber(&keys{client: client, prefix: prefix}, func() sessionmigrate.Source {
			return sessionfiber.New(redisrecords.New(client, prefix), sessionfiber.Config{})
		})
		beamTakes(t, o, "fiber", "--dsn", testserver.DSN(t, testserver.Redis), "--prefix", prefix)
	})
}

// TestBeamLaravel moves recorded sessions of Laravel.
func TestBeamLaravel(t *testing.T) {
	if testing.Short() {
		t.Skip("builds beam; run without -short")
	}
	p := newProject(t)
	r := recordings(t)[0]
	file := filepath.Join(t.TempDir(), "old.db")
	db := must(sql.Open("sqlite", "file:"+filepath.ToSlash(file)))
	defer db.Close()
	statement(t, db, laravelTables[sqlstore.SQLite])
	statement(t, db, "INSERT INTO sessions (id, payload, last_activity) VALUES (?, ?, ?)", r.ID, r.Payload, time.Now().Unix())
	t.Setenv("APP_KEY", r.Key)
	if out := p.run("migrate-from", "laravel", "--dsn", file, "--cookie", "laravel_session", "--key-env", "APP_KEY"); !strings.HasPrefix(out, "took over 1 session ") {
		t.Errorf("got %s", out)
	}
	source := must(laravel.New(one(nil), laravel.Config{Cookie: "laravel_session", Keys: []string{r.Key}}))
	a := p.app(old{source: source}, ofLaravel)
	a.wantAna(a.try("/", &http.Cookie{Name: "laravel_session", Value: r.Cookie}))
}
