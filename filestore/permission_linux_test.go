package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestOpenAsAnotherUser opens folders that belong to another user, or are not writable. A
// superuser has access to all folders, so the test changes the file system user of the
// thread.
func TestOpenAsAnotherUser(t *testing.T) {
	base := t.TempDir()
	for _, dir := range []string{filepath.Dir(base), base} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	locked, below := filepath.Join(base, "locked"), filepath.Join(base, "locked", "below")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chown(locked, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		runtime.LockOSThread() // never unlocked, so the thread ends with the goroutine of the test
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	for dir, want := range map[string]string{
		locked: "make user",
		below:  "create it yourself",
	} {
		_, err := Open(dir, Config{})
		if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "session: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v; want ErrPermission and %q", dir, err, want)
		}
	}
}
