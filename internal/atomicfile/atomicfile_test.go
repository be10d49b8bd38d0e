package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func TestWriteReplaces(t *testing.T) {
	root, dir := open(t)
	if err := MakeFolder(root, "in"); err != nil {
		t.Fatal(err)
	}
	for _, d := range []Durability{Durable, Whole, Volatile} {
		for _, want := range []string{"first", "", "the second, which is longer"} {
			if err := Write(root, "in/name", []byte(want), d); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(dir, "in/name"))
			if err != nil || string(got) != want {
				t.Errorf("durability %d: read %q, %v; want %q", d, got, err, want)
			}
		}
	}
	if names, err := os.ReadDir(filepath.Join(dir, "in")); err != nil || len(names) != 1 {
		t.Errorf("the folder contains %v, %v; want only the file", names, err)
	}
}

// TestOpenFileKeepsContent reads the old content from a file that was open when it was
// replaced.
func TestOpenFileKeepsContent(t *testing.T) {
	root, _ := open(t)
	if err := Write(root, "name", []byte("old"), Volatile); err != nil {
		t.Fatal(err)
	}
	f, err := root.Open("name")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(root, "name", []byte("new"), Volatile); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8)
	if n, err := f.Read(got); err != nil || string(got[:n]) != "old" {
		t.Errorf("read %q, %v; want the old content", got[:n], err)
	}
}

func TestFailedWriteRemovesTempFile(t *testing.T) {
	root, dir := open(t)
	if err := os.Mkdir(filepath.Join(dir, "name"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(root, "name", []byte("x"), Durable); err == nil {
		t.Error("Write over a folder succeeds, want an error")
	}
	if err := Write(root, "absent/name", []byte("x"), Durable); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write into an absent folder = %v, want ErrNotExist", err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the folder contains %v, %v; want what it contained before", names, err)
	}
}

// TestWriteReplacesLink checks that Write replaces a symbolic link, and does not change the
// target of the link.
func TestWriteReplacesLink(t *testing.T) {
	root, dir := open(t)
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("victim", filepath.Join(dir, "name")); err != nil {
		t.Fatal(err)
	}
	if err := Write(root, "name", []byte("x"), Durable); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
		t.Errorf("the target of the link contains %q, %v; want it unchanged", got, err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "name")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the name is %v, %v; want a regular file", info.Mode(), err)
	}
}

func TestTarget(t *testing.T) {
	for _, test := range []struct {
		base, want string
		ok         bool
	}{
		{tempName("abc"), "abc", true},
		{tempName("a.b"), "a.b", true},
		{"abc.0123456789abcdef.tmp", "abc", true},
		{".0123456789abcdef.tmp", "", false},
		{"abc.tmp", "", false},
		{"abc", "", false},
		{"", "", false},
		{".tmp", "", false},
		{"abc-0123456789abcdef.tmp", "", false},
	} {
		if got, ok := Target(test.base); got != test.want || ok != test.ok {
			t.Errorf("Target(%q) = %q, %v; want %q, %v", test.base, got, ok, test.want, test.ok)
		}
	}
}
