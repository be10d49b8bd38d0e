package sessionconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

var quiet = WithLogger(slog.New(slog.DiscardHandler))

// visit sends a request with a cookie to a handler that counts visits, and returns the
// count and the new cookie.
func visit(t *testing.T, m *session.Manager, cookie *http.Cookie) (int, *http.Cookie) {
	t.Helper()
	seen := 0
	h := m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		seen = session.Get(s, "visits", 0) + 1
		s.Set("visits", seen)
	})
	r := httptest.NewRequest("GET", "/", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("got status %d: %s", w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		if c.Name == m.CookieName() {
			cookie = c
		}
	}
	return seen, cookie
}

// Each store that needs no driver keeps sessions as documented, also across a restart. The
// database store is tested in internal/integration, which imports the drivers.
func TestStores(t *testing.T) {
	tests := []struct {
		store         string
		second, third int // visits that the second one sees, and the first one after a restart
	}{
		{"file", 2, 3},
		{"memory", 2, 1},
		{"dict", 2, 1},
		{"null", 1, 1},
	}
	for _, tc := range tests {
		t.Run(tc.store, func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": `store = "` + tc.store + `"`})
			open := func() *session.Manager {
				m, err := Open(t.Context(), "config", WithEnv([]string{"SESSION_NAME=shop"}), quiet)
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			m := open()
			if got := m.CookieName(); got != "__Host-shop" {
				t.Errorf("got cookie %s, want __Host-shop", got)
			}
			_, cookie := visit(t, m, nil)
			if got, _ := visit(t, m, cookie); got != tc.second {
				t.Errorf("second visit: got %d, want %d", got, tc.second)
			}
			if err := m.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			m = open()
			defer m.Close(t.Context())
			if got, _ := visit(t, m, cookie); got != tc.third {
				t.Errorf("after a restart: got %d, want %d", got, tc.third)
			}
		})
	}
}

// The folder of the file store is relative to the project folder, even if the working
// directory changes. Open creates it, accessible to this user only; Load does not.
func TestFilePath(t *testing.T) {
	root := project(t, map[string]string{"config/session.toml": "store = \"file\"\n[stores.file]\npath = \"data/sessions\"\n"})
	t.Chdir(t.TempDir())
	folder := filepath.Join(root, "data", "sessions")
	c, err := Load(filepath.Join(root, "config"), WithEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load made the folder (%v)", err)
	}
	store, err := c.OpenStore(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(store)
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder of mode 0700", info, err)
	}
	if c.Folder() != folder || c.Root() != root || c.Dir() != filepath.Join(root, "config") {
		t.Errorf("got root %s and folder %s", c.Root(), c.Dir())
	}
}

// TestField11LooksOnly checks a configuration and opens it to look, before the program that
// it belongs to has started for the first time.
func TestField11LooksOnly(t *testing.T) {
	root := project(t, map[string]string{"config/session.toml": "store = \"file\"\n"})
	c, err := Load("config", WithEnv(nil), ReadOnly())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("Check = %v", err)
	}
	m, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	for info, err := range m.ListAll(t.Context()) {
		t.Errorf("the list contains %v, %v", info, err)
	}
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Set("a", 1)
	if _, err := m.Commit(t.Context(), s); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Commit = %v, want ErrUnsupported", err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 1 {
		t.Errorf("the project contains %v, %v, want its configuration only", entries, err)
	}

	// A check foretells what Open would do, for files too.
	if err := os.WriteFile(filepath.Join(root, "storage"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "stores.file.path") {
		t.Errorf("Check = %v, want a mistake about the folder", err)
	}
}

// OpenStore refuses an invalid configuration. Close calls all closers in order, even if one
// fails.
func TestOpenStore(t *testing.T) {
	project(t, map[string]string{"config/session.toml": "store = \"memory\"\nlifetime = \"x\"\n"})
	c, _ := Load("config", WithEnv(nil))
	if s, err := c.OpenStore(t.Context()); s != nil || len(Mistakes(err)) != 1 {
		t.Errorf("got %v, %v, want a mistake", s, err)
	}
	var order []string
	failure := errors.New("cannot close")
	owned := &ownedStore{Store: session.Discard, closers: []func() error{
		func() error { order = append(order, "statements"); return failure },
		func() error { order = append(order, "database"); return nil },
	}}
	m, err := session.New(owned, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); !errors.Is(err, failure) || len(order) != 2 || order[0] != "statements" {
		t.Errorf("got %v after %q", err, order)
	}
}

// Mistakes also returns errors of other types.
func TestMistakesOfOthers(t *testing.T) {
	other := errors.New("session: something else")
	got := Mistakes(fmt.Errorf("wrapped: %w", errors.Join(&Error{Key: "a", Reason: "b"}, other)))
	if len(got) != 2 || got[0].Key != "a" || got[1].Reason != "something else" || !errors.Is(got[1], other) {
		t.Errorf("got %v", got)
	}
	if Mistakes(nil) != nil {
		t.Error("no error, but mistakes")
	}
}

func TestCreateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b.db")
	for range 2 { // the second time, the file exists
		if err := createFile(path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want mode 0600", info, err)
		}
		if err := os.WriteFile(path, []byte("data"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "data" {
		t.Errorf("got %q, %v: an existing file was changed", data, err)
	}
}
