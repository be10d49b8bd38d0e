package filestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// TestField11ReadOnly looks at a folder, which must contain the same files afterwards, and
// tries every method that would write.
func TestField11ReadOnly(t *testing.T) {
	writer, dir := open(t)
	create(t, writer, sample())
	stale := session.ID{0x7e, 1}
	if err := writer.mark("ada", stale); err != nil { // looking removes no mark either
		t.Fatal(err)
	}
	write(t, recordFile(dir, session.ID{0x55})+".0123456789abcdef.tmp", "left by a writer that died")
	before := files(t, dir)

	s, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Load(t.Context(), sample().ID); err != nil || r.Owner != sample().Owner {
		t.Errorf("Load = %v, %v, want the record", r, err)
	}
	if _, err := s.Load(t.Context(), session.ID{0x7f, 1}); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load of another ID = %v, want ErrNotFound", err)
	}
	if got := ids(t, s, "ada"); !slices.Equal(got, []session.ID{sample().ID}) {
		t.Errorf("ListOwner yields %v, want the record", got)
	}
	if got := all(t, s); !slices.Equal(got, []session.ID{sample().ID}) {
		t.Errorf("List yields %v, want the record", got)
	}
	now := time.Now()
	_, pruned := s.Prune(t.Context(), now.Add(1e6*time.Hour), 10)
	for name, err := range map[string]error{
		"Create": s.Create(t.Context(), session.Record{ID: session.ID{1}}),
		"Update": s.Update(t.Context(), sample()),
		"Touch":  s.Touch(t.Context(), sample().ID, now, now.Add(time.Hour)),
		"Delete": s.Delete(t.Context(), sample().ID),
		"Prune":  pruned,
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s = %v, want ErrUnsupported", name, err)
		}
	}
	if got := files(t, dir); !slices.Equal(got, before) {
		t.Errorf("the folder contains %v, want %v", got, before)
	}
}

func all(t *testing.T, s *Store) (list []session.ID) {
	t.Helper()
	for r, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r.ID)
	}
	return list
}

// TestField11ReadOnlyBeforeTheFirstStart looks at folders that do not exist yet, or are empty.
func TestField11ReadOnlyBeforeTheFirstStart(t *testing.T) {
	base := t.TempDir()
	empty := filepath.Join(base, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(base, "not", "yet"), empty} {
		if err := Check(dir); err != nil {
			t.Errorf("Check(%s) = %v", dir, err)
		}
		s, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := append(all(t, s), ids(t, s, "ada")...); got != nil {
			t.Errorf("%s lists %v", dir, got)
		}
		if _, err := s.Load(t.Context(), sample().ID); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Load = %v, want ErrNotFound", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(base); err != nil || len(entries) != 1 {
		t.Errorf("the folder contains %v, %v, want only what was there", entries, err)
	}
}

// TestField11Check compares what Check foretells with what Open does.
func TestField11Check(t *testing.T) {
	base := t.TempDir()
	write(t, base+"/file", "")
	if err := os.Mkdir(base+"/wide", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base+"/wide", 0o770); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", base + "/file", base + "/file/below", base + "/wide", base + "/good/below"} {
		foretold := Check(dir)
		if foretold != nil && !strings.HasPrefix(foretold.Error(), "session: ") {
			t.Errorf("Check(%q) = %v", dir, foretold)
		}
		s, err := Open(dir, Config{DangerouslyNoSync: true})
		if (err == nil) != (foretold == nil) {
			t.Errorf("Check(%q) = %v, but Open = %v", dir, foretold, err)
		}
		if err == nil {
			s.Close()
		}
	}
}

// TestField11FolderDeleted deletes the session folder, or a part of it, while two processes
// use it. Sessions are gone, but the next write succeeds, and both processes see it.
func TestField11FolderDeleted(t *testing.T) {
	for _, part := range []string{".", "records", "owners", "locks"} {
		t.Run(part, func(t *testing.T) {
			one, dir := open(t)
			two := reopen(t, dir)
			r := sample()
			create(t, one, r)
			for _, s := range []*Store{one, two} {
				if _, err := s.Load(t.Context(), r.ID); err != nil { // both keep the folder open
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(filepath.Join(dir, part)); err != nil {
				t.Fatal(err)
			}
			if part == "." || part == "records" {
				if _, err := two.Load(t.Context(), r.ID); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("Load = %v, want ErrNotFound", err)
				}
				if err := two.Touch(t.Context(), r.ID, time.Now(), time.Now()); err != nil {
					t.Errorf("Touch = %v, want nil, as for any record that is gone", err)
				}
				if got := all(t, two); got != nil {
					t.Errorf("List yields %v, want nothing", got)
				}
			}

			r.ID[15]++
			r.Owner = "bob"
			create(t, one, r)
			if _, err := two.Load(t.Context(), r.ID); err != nil {
				t.Errorf("Load in the other process = %v", err)
			}
			if got := ids(t, one, "bob"); !slices.Equal(got, []session.ID{r.ID}) {
				t.Errorf("ListOwner yields %v, want the record", got)
			}
			r.Version = 1
			if err := two.Update(t.Context(), r); err != nil {
				t.Errorf("Update in the other process = %v", err)
			}
			if got := ids(t, two, "bob"); !slices.Equal(got, []session.ID{r.ID}) {
				t.Errorf("ListOwner in the other process yields %v, want the record", got)
			}
			info, err := os.Stat(dir)
			if err != nil || info.Mode() != fs.ModeDir|0o700 {
				t.Errorf("the folder has mode %v, %v, want 0700", info.Mode(), err)
			}
		})
	}
}
