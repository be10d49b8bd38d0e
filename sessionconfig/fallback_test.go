package sessionconfig

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
)

// Sessions follow the store setting from one store to another, and back, if the former store is
// the fallback in between.
func TestFallback(t *testing.T) {
	dir := project(t, map[string]string{"config/session.toml": `store = "file"`})
	type settings struct{ Path string }
	other := With("other", func(_ context.Context, cfg settings) (*filestore.Store, error) {
		return filestore.Open(filepath.Join(dir, "other"), filestore.Config{})
	})
	with := func(environ ...string) *session.Manager {
		t.Helper()
		m, err := Open(t.Context(), "config", WithEnv(environ), quiet, other)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := with()
	want, cookie := visit(t, m, nil)
	for _, environ := range []string{
		"SESSION_STORE=file SESSION_FALLBACK=other",
		"SESSION_STORE=other SESSION_FALLBACK=FILE",
		"SESSION_STORE=other",
		"SESSION_STORE=other SESSION_FALLBACK=off",
		"SESSION_STORE=file SESSION_FALLBACK=other",
		"SESSION_STORE=file",
	} {
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		m = with(strings.Fields(environ)...)
		want++
		got := 0
		if got, cookie = visit(t, m, cookie); got != want {
			t.Errorf("%s: got visit %d, want %d", environ, got, want)
		}
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A fallback that cannot work is a mistake.
func TestFallbackMistakes(t *testing.T) {
	for _, tc := range []struct{ store, fallback, want string }{
		{"file", "file", `is the same store as store`},
		{"database", "database", `is the same store as store`},
		{"database", "database:MAIN", `is the same store as store`},
		{"database", "database:old", ""},
		{"file", "database", ""},
		{"file", "null", `keeps nothing`},
		{"file", "dict", `is the memory of another process`},
		{"file", "file:main", `names a connection, but the file store has none`},
		{"file", "database:mian", `did you mean "main"?`},
		{"file", "mongo", `valid stores: database, file, redis, database:CONNECTION`},
		{"null", "file", `cannot be used with the null store`},
	} {
		t.Run(tc.store+" "+tc.fallback, func(t *testing.T) {
			project(t, map[string]string{
				"config/session.toml":  "store = \"" + tc.store + "\"\nfallback = \"" + tc.fallback + "\"\n",
				"config/database.toml": sqlite + "[connections.old]\ndriver = \"sqlite\"\ndatabase = \"old.db\"\n",
			})
			_, err := Load("config", WithEnv(nil), quiet)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("got %v, want no mistake", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), "config/session.toml:2: fallback = ") || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
