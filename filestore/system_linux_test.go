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

// TestOpenAsAnotherUser opens folders that belong to others, or may not be
// written to. A superuser may do anything, so the thread becomes somebody else
// for the file system.
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
		runtime.LockOSThread() // not unlocked: the thread ends with the test's goroutine
		if err := syscall.Setfsuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer syscall.Setfsuid(0)
	}
	for dir, want := range map[string]string{
		locked: "make it belong to user",
		below:  "make it yourself",
	} {
		_, err := Open(dir, Config{})
		if !errors.Is(err, fs.ErrPermission) || !strings.HasPrefix(err.Error(), "session: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%s) = %v; want ErrPermission and %q", dir, err, want)
		}
	}
}

// TestLockOfARemovedFile replaces a lock file while a writer waits for it: the
// writer must end up with the lock of the new file, which others will ask for.
func TestLockOfARemovedFile(t *testing.T) {
	s, dir := open(t)
	release, err := s.lock(t.Context(), 0x7f)
	if err != nil {
		t.Fatal(err)
	}
	other := reopen(t, dir)
	type result struct {
		release func()
		err     error
	}
	locked := make(chan result)
	go func() {
		release, err := other.lock(t.Context(), 0x7f)
		locked <- result{release, err}
	}()
	name := filepath.Join(dir, "locks", "7f")
	for openFiles(t, name) < 2 { // until the other has it open, too
		runtime.Gosched()
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	write(t, name, "") // as the next writer does
	release()
	got := <-locked
	if got.err != nil {
		t.Fatal(got.err)
	}
	defer got.release()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if ok, err := tryLock(f); ok || err != nil {
		t.Errorf("tryLock of the new file = %v, %v; want it locked already", ok, err)
	}
}

// openFiles counts how often this process has a file open.
func openFiles(t *testing.T, name string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if link, err := os.Readlink("/proc/self/fd/" + entry.Name()); err == nil && link == name {
			n++
		}
	}
	return n
}
