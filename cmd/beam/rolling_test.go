package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessionconfig"
)

// places are the stores that several processes can share: for each, the variables that select it.
func places(t *testing.T) map[string][]string {
	t.Helper()
	return map[string][]string{
		"file":   {"SESSION_STORE=file"},
		"sqlite": {"SESSION_STORE=database", "DB_CONNECTION=sqlite", "DB_CONNECTIONS__SQLITE__DRIVER=sqlite", "DB_CONNECTIONS__SQLITE__DSN=" + sqliteFile(t)},
	}
}

// onPostgres, onMariaDB and onRedis are places on servers.
func onPostgres(t *testing.T) []string {
	t.Helper()
	server := postgres(t)
	server.Path = "/" + createDatabase(t, "pgx", server.String(), `"`)
	return []string{"SESSION_STORE=database", "DB_CONNECTION=postgres", "DB_CONNECTIONS__POSTGRES__DRIVER=postgres", "DB_CONNECTIONS__POSTGRES__DSN=" + server.String()}
}

func onMariaDB(t *testing.T) []string {
	t.Helper()
	cfg := mariadb(t)
	cfg.DBName = createDatabase(t, "mysql", cfg.FormatDSN(), "`")
	return []string{"SESSION_STORE=database", "DB_CONNECTION=mariadb", "DB_CONNECTIONS__MARIADB__DRIVER=mysql", "DB_CONNECTIONS__MARIADB__DSN=" + cfg.FormatDSN()}
}

func onRedis(t *testing.T) []string {
	t.Helper()
	return []string{"SESSION_STORE=redis", "REDIS_CONNECTIONS__MAIN__URL=" + testserver.DSN(t, testserver.Redis), "SESSION_STORES__REDIS__PREFIX=" + testserver.Name() + ":"}
}

var projectFiles = map[string]string{"session.toml": "store = \"database\"\n"}

// Four replicas share a store. They create its table at once, prune it at once, and are replaced
// one by one under load: by a newer release, which stores a field that the older one does not
// know, by the older one again, and by the newer one. No session and no write is lost, and no
// field.
func TestRollingDeploy(t *testing.T) {
	if testing.Short() {
		t.Skip("starts dozens of processes; run without -short")
	}
	p := places(t)
	for name, environ := range map[string]func(*testing.T) []string{
		"file":     func(*testing.T) []string { return p["file"] },
		"sqlite":   func(*testing.T) []string { return p["sqlite"] },
		"postgres": onPostgres,
		"mariadb":  onMariaDB,
		"redis":    onRedis,
	} {
		t.Run(name, func(t *testing.T) { rollingDeploy(t, name, environ(t)) })
	}
}

func rollingDeploy(t *testing.T, name string, environ []string) {
	began := time.Now()
	f := newFleet(t, projectFiles)
	if name != "file" && name != "redis" {
		f.migrate(environ)
	}
	f.roll(nil, "older", environ...)
	store := openIn(t, f.dir, environ)
	outdated := createOutdated(t, store, 500)
	l := begin(t, f.proxy.URL)
	for _, release := range []string{"newer", "older", "newer", "older"} {
		f.roll(l, release, environ...)
	}
	l.end()
	stamped := checkStamped(t, f.dir, store)
	awaitPruned(t, store, outdated)
	t.Logf("%s: %v; %d starts of a replica, %d sessions with the field of the newer release, %d expired sessions pruned, in %v",
		name, l, f.starts, stamped, len(outdated), time.Since(began).Round(time.Second))
}

// openIn opens the store of a project.
func openIn(t *testing.T, dir string, environ []string) session.Store {
	t.Helper()
	c, err := sessionconfig.Load(filepath.Join(dir, "config"), sessionconfig.WithEnv(environ), sessionconfig.WithRedis(redisstore.Open))
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.OpenStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := session.Capability[io.Closer](s); ok {
			closer.Close()
		}
	})
	return s
}

// createOutdated creates records that every replica may prune.
func createOutdated(t *testing.T, s session.Store, n int) (ids []session.ID) {
	t.Helper()
	for i := range n {
		id := session.ID{1, byte(i), byte(i >> 8)}
		at := time.Now().Add(-2 * session.PruneSlack)
		if err := s.Create(t.Context(), session.Record{ID: id, CreatedAt: at, LastActivity: at, ExpiresAt: at}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// awaitPruned waits until the replicas have pruned the records.
func awaitPruned(t *testing.T, s session.Store, ids []session.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, id := range ids {
		for {
			_, err := s.Load(ctx, id)
			if errors.Is(err, session.ErrNotFound) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// checkStamped checks that each live session that the newer release has stored has its field,
// once, and returns how many there are.
func checkStamped(t *testing.T, dir string, s session.Store) (n int) {
	t.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "stamped"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		id, err := session.ParseID(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Load(t.Context(), id)
		if errors.Is(err, session.ErrNotFound) {
			continue // it has ended
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(r.Data, fieldOf(id)); got != 1 {
			t.Errorf("session %v has the field of the newer release %d times", id, got)
		}
		n++
	}
	if n == 0 {
		t.Error("the newer release has stored no session")
	}
	return n
}
