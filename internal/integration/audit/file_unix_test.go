//go:build unix

package audit

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/expanse-go/session/filestore"
)

func TestST1FilesArePrivate(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	o := openFile(t)
	st := newSite(t, o.store)
	v := st.member("ada")
	v.must("POST", write)
	n := 0
	err := filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		n++
		return nil
	})
	if err != nil || n < 2 {
		t.Errorf("%d files and folders, %v", n, err)
	}

	// A symbolic link in place of a record is not followed, neither to read nor to write.
	id, _ := parts(t, v.token)
	var record string
	_ = filepath.WalkDir(o.dir, func(path string, _ fs.DirEntry, _ error) error {
		if strings.Contains(strings.ReplaceAll(path[len(o.dir):], string(filepath.Separator), ""), id.String()) {
			record = path
		}
		return nil
	})
	if record == "" {
		t.Fatalf("there is no file for %s", id)
	}
	target := filepath.Join(t.TempDir(), "target")
	must(0, os.Rename(record, target))(t)
	before := must(os.ReadFile(target))(t)
	must(0, os.Symlink(target, record))(t)
	if r, err := o.store.Load(t.Context(), id); err == nil {
		t.Errorf("the link was followed to read %v", r.ID)
	}
	st.visitor(v.token).do("POST", write)
	if after := must(os.ReadFile(target))(t); string(after) != string(before) {
		t.Error("the link was followed to write")
	}

	// Nor is a folder that others may write to accepted.
	open := filepath.Join(t.TempDir(), "open")
	must(0, os.Mkdir(open, 0o777))(t)
	if s, err := filestore.Open(open, filestore.Config{}); err == nil {
		s.Close()
		t.Error("a folder of mode 0777 was accepted")
	}
}
