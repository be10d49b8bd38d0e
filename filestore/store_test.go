package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// open opens a store in a new folder, without fsync.
func open(t *testing.T) (s *Store, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "sessions")
	return reopen(t, dir), dir
}

func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func create(t *testing.T, s *Store, r session.Record) {
	t.Helper()
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// recordFile returns the path of the file of a record.
func recordFile(dir string, id session.ID) string { return filepath.Join(dir, "records", path(id)) }

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files lists all files under a folder, with paths relative to it.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ids(t *testing.T, s *Store, owner string) (list []session.ID) {
	t.Helper()
	for r, err := range s.ListOwner(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r.ID)
	}
	return list
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file", "")
	if err := os.Mkdir(dir+"/wide", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/wide", 0o770); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/taken/records", "")
	for _, test := range []struct{ dir, want string }{
		{"", "needs the name of a folder"},
		{dir + "/file", "is not a folder; move it away"},
		{dir + "/file/below", "session folder"},
		{dir + "/wide", "run: chmod 700 " + dir + "/wide"},
		{dir + "/taken", "cannot write to the session folder " + dir + "/taken"},
	} {
		s, err := Open(test.dir, Config{})
		if s != nil || err == nil || !strings.HasPrefix(err.Error(), "session: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Open(%q) = %v, %v; want an error with %q", test.dir, s, err, test.want)
		}
	}
	if got := files(t, dir+"/wide"); got != nil {
		t.Errorf("a refused folder now contains %v", got)
	}
}

func TestOpenCreatesParents(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "lib", "app")
	create(t, reopen(t, dir), sample())
	if _, err := reopen(t, dir).Load(t.Context(), sample().ID); err != nil {
		t.Error(err)
	}
}

func TestClose(t *testing.T) {
	s, _ := open(t)
	create(t, s, sample())
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
	if _, err := s.Load(t.Context(), sample().ID); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Load after Close = %v, want ErrClosed", err)
	}
	if err := s.Create(t.Context(), sample()); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Create after Close = %v, want ErrClosed", err)
	}
}

// TestCorrupt has files that are not records in the place of a record.
func TestCorrupt(t *testing.T) {
	r := sample()
	other := sample()
	other.ID[15] = 9
	foreign, err := encode(&other, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty":           "",
		"text":            "hello",
		"another's":       string(foreign),
		"the next format": "session\x02" + strings.Repeat("\x00", 100),
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			write(t, recordFile(dir, r.ID), content)
			checkCorrupt(t, s, r)
		})
	}
}

// checkCorrupt checks every method when the file of r is not a record.
func checkCorrupt(t *testing.T, s *Store, r session.Record) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Load(ctx, r.ID)
	if !errors.Is(err, session.ErrCorrupt) || errors.Is(err, session.ErrNotFound) || !strings.Contains(err.Error(), "records/"+path(r.ID)) {
		t.Errorf("Load = %v, want ErrCorrupt and the file's name", err)
	}
	r.Version = 1
	if err := s.Update(ctx, r); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("Update = %v, want ErrCorrupt", err)
	}
	if err := s.Touch(ctx, r.ID, r.LastActivity, r.ExpiresAt); !errors.Is(err, session.ErrCorrupt) {
		t.Errorf("Touch = %v, want ErrCorrupt", err)
	}
	if err := s.Create(ctx, r); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Create = %v, want ErrConflict", err)
	}
	for got, err := range s.List(ctx) {
		t.Errorf("List yields %v, %v; want nothing", got, err)
	}
	if n, err := s.Prune(ctx, r.ExpiresAt.AddDate(9, 0, 0), 10); n != 0 || err != nil {
		t.Errorf("Prune = %d, %v; want the file kept for inspection", n, err)
	}
	if err := s.Delete(ctx, r.ID); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if _, err := s.Load(ctx, r.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load after Delete = %v, want ErrNotFound", err)
	}
	if err := s.Create(ctx, r); err != nil {
		t.Errorf("Create after Delete = %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := wrapError(&fs.PathError{Op: "write", Path: "records/7f/…", Err: cause})
		if !errors.Is(err, session.ErrFull) || !errors.Is(err, cause) {
			t.Errorf("%v becomes %v, want ErrFull", cause, err)
		}
	}
}

// TestDeletedFolders deletes the empty folders and lock files of a store that is in use, as
// programs that clean temporary folders do.
func TestDeletedFolders(t *testing.T) {
	s, dir := open(t)
	other := reopen(t, dir)
	r := sample()
	r.Version = 1
	create(t, s, r)
	if err := s.Delete(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"records/7f", "locks/7f", "owners/" + ownerKey("ada")[:2]} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Load(t.Context(), r.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load = %v, want ErrNotFound", err)
	}
	if got := ids(t, s, "ada"); got != nil {
		t.Errorf("ListOwner yields %v", got)
	}
	create(t, other, r) // in a folder that s has not opened
	if _, err := s.Load(t.Context(), r.ID); err != nil {
		t.Errorf("Load of a record that another process created: %v", err)
	}
	if err := s.Update(t.Context(), r); err != nil {
		t.Errorf("Update of a record that another process created: %v", err)
	}
	if got := ids(t, s, "ada"); !slices.Equal(got, []session.ID{r.ID}) {
		t.Errorf("ListOwner yields %v, want the record", got)
	}
}

// TestCancelledWriters cancels writers that wait for the lock of another process.
func TestCancelledWriters(t *testing.T) {
	s, dir := open(t)
	r := sample()
	create(t, s, r)
	release, err := reopen(t, dir).lock(t.Context(), r.ID[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), r.ID); err != nil {
		t.Errorf("Load = %v, want nil, because readers take no lock", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	f, err := s.locks.Load().OpenFile(folderName(r.ID[0]), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	waiting := make(chan error)
	go func() { waiting <- waitLock(ctx, f) }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "locks/7f locked") {
		t.Errorf("a cancelled wait ends with %v, want the context's error and the lock's name", err)
	}
	if err := s.Delete(ctx, r.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("Delete = %v, want the context's error", err)
	}
	release()
	if err := s.Delete(t.Context(), r.ID); err != nil {
		t.Errorf("Delete after the release = %v", err)
	}
}

func TestTouchKeepsOtherFields(t *testing.T) {
	s, dir := open(t)
	create(t, s, sample())
	before, err := os.ReadFile(recordFile(dir, sample().ID))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Touch(t.Context(), sample().ID, sample().LastActivity, time.Time{}); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(recordFile(dir, sample().ID))
	if err != nil || string(after) != string(before) {
		t.Errorf("a touch that moves nothing changed the file: %v", err)
	}
	want := sample()
	want.Version = 1
	want.ExpiresAt = want.ExpiresAt.Add(time.Hour)
	if err := s.Touch(t.Context(), want.ID, time.Time{}, want.ExpiresAt); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(t.Context(), want.ID)
	if err != nil || string(got.Data) != string(want.Data) || got.ExpiresAt != want.ExpiresAt || got.LastActivity != want.LastActivity || got.Version != 1 {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}
