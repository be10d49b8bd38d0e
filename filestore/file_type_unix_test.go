//go:build unix

package filestore

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/expanse-go/session"
)

// TestOtherFileTypes has links, pipes and folders in the place of a record. The store must
// not follow them, wait for them, or take them for records.
func TestOtherFileTypes(t *testing.T) {
	for name, create := range map[string]func(dir, at string) error{
		"a link out of the folder": func(dir, at string) error {
			return os.Symlink(filepath.Join(filepath.Dir(dir), "outside"), at)
		},
		"a link to a copy within": func(dir, at string) error { return os.Symlink("../copy", at) },
		"a link to nothing":       func(dir, at string) error { return os.Symlink("nothing", at) },
		"a link to itself":        func(dir, at string) error { return os.Symlink(filepath.Base(at), at) },
		"a named pipe":            func(dir, at string) error { return syscall.Mkfifo(at, 0o600) },
		"a folder":                func(dir, at string) error { return os.Mkdir(at, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			r := sample()
			content, err := encode(&r, 1)
			if err != nil {
				t.Fatal(err)
			}
			outside, copied := filepath.Join(filepath.Dir(dir), "outside"), filepath.Join(dir, "records", "copy")
			write(t, outside, string(content))
			write(t, copied, string(content))
			write(t, filepath.Join(dir, "records", "7f", "neighbour"), "")
			if err := create(dir, recordFile(dir, r.ID)); err != nil {
				t.Fatal(err)
			}
			checkCorrupt(t, s, r)
			for _, name := range []string{outside, copied} {
				if got, err := os.ReadFile(name); err != nil || string(got) != string(content) {
					t.Errorf("%s was changed: %v", name, err)
				}
			}
		})
	}
}

// TestLinksToOutside replaces folders and locks of the store by links that lead out of it.
func TestLinksToOutside(t *testing.T) {
	s, dir := open(t)
	outside := filepath.Join(filepath.Dir(dir), "outside")
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "records", "7f")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "lock"), filepath.Join(dir, "locks", "80")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("81x", filepath.Join(dir, "locks", "81")); err != nil {
		t.Fatal(err)
	}
	for _, first := range []byte{0x7f, 0x80, 0x81} {
		r := sample()
		r.ID[0] = first
		if err := s.Create(t.Context(), r); err == nil {
			t.Errorf("Create through the link at %x succeeds", first)
		}
	}
	if _, err := s.Load(t.Context(), session.ID{0x7f}); err == nil {
		t.Error("Load through a link succeeds")
	}
	if got := files(t, outside); got != nil {
		t.Errorf("the store wrote %v", got)
	}
}
