package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
)

// TestRestore shows what docs/operating.md says of a backup: it brings back sessions that have
// ended since then, and another application name ends them.
func TestRestore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	live, backup := filepath.Join(dir, "sessions"), filepath.Join(dir, "backup")
	open := func(application string) *session.Manager {
		t.Helper()
		store, err := filestore.Open(live, filestore.Config{DangerouslyNoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := session.New(store, session.Config{Application: application})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := open("shop")
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Login("ada")
	cookie, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	owner := func(m *session.Manager) string {
		t.Helper()
		s, err := m.Load(t.Context(), session.Token(cookie.Value))
		if err != nil {
			t.Fatal(err)
		}
		return s.Owner()
	}

	if err := os.CopyFS(backup, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.RevokeOwner(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	if got := owner(m); got != "" {
		t.Errorf("after the logout: %q", got)
	}
	if err := os.RemoveAll(live); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(live, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(live, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := owner(open("shop")); got != "ada" {
		t.Errorf("after the restore: %q, want ada", got)
	}
	if got := owner(open("shop-2")); got != "" {
		t.Errorf("under another name: %q", got)
	}
}
