//go:build unix

package filestore

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
)

// TestModes checks that the modes of files and folders do not depend on the umask.
func TestModes(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		dir := filepath.Join(t.TempDir(), "above", "sessions")
		old := syscall.Umask(mask)
		s, err := Open(dir, Config{DangerouslyNoSync: true})
		if err == nil {
			err = s.Create(t.Context(), sample())
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		n := 0
		err = filepath.WalkDir(filepath.Dir(dir), func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			n++
			want := fs.FileMode(0o600)
			if entry.IsDir() {
				want = fs.ModeDir | 0o700
			}
			if info.Mode() != want {
				t.Errorf("under umask %03o, %s has mode %v, want %v", mask, name, info.Mode(), want)
			}
			return nil
		})
		if err != nil || n < 10 {
			t.Errorf("%d files, %v", n, err)
		}
	}
}
