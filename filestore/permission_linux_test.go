package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpenAsAnotherUser opens folders that belong to another user, or are not writable. A
// superuser has access to all folders, so the test becomes another user.
func TestOpenAsAnotherUser(t *testing.T) {
	base := openFolder(t)
	locked, below := filepath.Join(base, "locked"), filepath.Join(base, "locked", "below")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(locked, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		become(t, nobody)
	}
	for dir, want := range map[string]string{
		locked: "change its owner to user",
		below:  "create it yourself",
	} {
		_, err := Open(dir, Config{})
		if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "session: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v; want ErrPermission and %q", dir, err, want)
		}
	}
}
