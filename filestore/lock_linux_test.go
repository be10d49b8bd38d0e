package filestore

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestLockOfReplacedFile replaces a lock file while a writer waits for it. The writer must
// end up with the lock of the new file, which other writers use.
func TestLockOfReplacedFile(t *testing.T) {
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
	for openFiles(t, name) < 2 { // until the other store has opened it, too
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

// openFiles returns how many times this process has a file open.
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
