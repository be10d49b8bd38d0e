package filestore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/expanse-go/session"
)

const nobody = 65534

// become makes the process, which belongs to the superuser, one of another user until the
// test ends.
func become(t *testing.T, uid int) {
	t.Helper()
	if err := syscall.Setreuid(-1, uid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setreuid(-1, 0); err != nil {
			panic(err) // no other test could be believed
		}
	})
}

// openFolder returns a folder that all users can reach.
func openFolder(t *testing.T) string {
	t.Helper()
	base := t.TempDir()
	for _, dir := range []string{filepath.Dir(base), base} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return base
}

// planted makes a session folder with a record of an administrator.
func planted(t *testing.T, dir string) session.ID {
	t.Helper()
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := sample()
	r.Owner = "admin"
	if err := s.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// TestAttackS6OthersCanWrite opens a store in which other users can write to one of the
// folders. The sticky bit, which keeps them from removing the files of others, does not keep
// them from making new ones.
func TestAttackS6OthersCanWrite(t *testing.T) {
	for _, name := range []string{".", "records", "owners", "locks", "records/00"} {
		for _, mode := range []os.FileMode{0o777, 0o777 | os.ModeSticky, 0o770, 0o702} {
			dir := filepath.Join(t.TempDir(), "sessions")
			id := planted(t, dir)
			name = strings.Replace(name, "00", folderName(id[0]), 1)
			folder := filepath.Join(dir, name)
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("session: other users can write to the session folder %s (mode %04o); run: chmod 700 %s", folder, mode.Perm(), folder)
			refused(t, dir, id, want, true)
			if err := os.Chmod(folder, 0o700); err != nil { // what the error says
				t.Fatal(err)
			}
			accepted(t, dir, id)
		}
	}
}

// TestAttackS6FolderOfAnother opens a store of which another user made a folder beforehand.
func TestAttackS6FolderOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		// Only the superuser can give a folder away; "/" is one of another user for the others.
		if _, err := Open("/", Config{}); err == nil {
			t.Error("the folder of another user is accepted")
		}
		return
	}
	for _, name := range []string{".", "records", "owners", "locks", "records/00"} {
		dir := filepath.Join(t.TempDir(), "sessions")
		id := planted(t, dir)
		name = strings.Replace(name, "00", folderName(id[0]), 1)
		folder := filepath.Join(dir, name)
		if err := os.Chown(folder, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("session: the session folder %s belongs to user 65534, who could sign in as anybody with forged files, but this program runs as user 0; "+
			"delete the folder, or, if you trust every file in it, run: chown -R 0 %s", folder, folder)
		refused(t, dir, id, want, false)
		if err := os.Chown(folder, 0, 0); err != nil {
			t.Fatal(err)
		}
		accepted(t, dir, id)
	}
}

// TestAttackS6PlantedAsAnotherUser is the attack as it happens: an application that does not
// run as root is to keep its sessions in a folder that everybody may write to, and the
// attacker was there first.
func TestAttackS6PlantedAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it takes three users; the other tests of this file need one
	}
	const application, attacker = 10_001, 10_002
	dir := filepath.Join(openFolder(t), "sessions")
	for _, mode := range []os.FileMode{0o777 | os.ModeSticky, 0o755} {
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
			t.Fatal(err)
		}
		var id session.ID
		t.Run("attacker", func(t *testing.T) {
			if err := os.Chown(dir, attacker, attacker); err != nil {
				t.Fatal(err)
			}
			become(t, attacker)
			id = planted(t, dir)
		})
		if err := errors.Join(os.Chown(dir, 0, 0), os.Chmod(dir, mode)); err != nil {
			t.Fatal(err)
		}
		t.Run("application", func(t *testing.T) {
			become(t, application)
			s, err := Open(dir, Config{})
			if err == nil {
				r, err := s.Load(t.Context(), id)
				t.Errorf("a session of %q (%v) is accepted", r.Owner, err)
				s.Close()
			}
		})
	}
}

// TestAttackS6OpenParent lets the application create its folder where everybody may write, as
// in /tmp or in a volume.
func TestAttackS6OpenParent(t *testing.T) {
	parent := t.TempDir()
	for _, mode := range []os.FileMode{0o777, 0o777 | os.ModeSticky} {
		if err := os.Chmod(parent, mode); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(parent, fmt.Sprint(mode.Perm(), mode&os.ModeSticky != 0))
		accepted(t, dir, planted(t, dir))
	}
}

// TestAttackS6FolderOfRoot opens a session folder that root made, with the folders in it that
// the application needs.
func TestAttackS6FolderOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return // it takes two users
	}
	dir := filepath.Join(openFolder(t), "sessions")
	id := planted(t, dir)
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if name == dir {
			return errors.Join(err, os.Chmod(dir, 0o755))
		}
		return errors.Join(err, os.Lchown(name, nobody, nobody))
	})
	if err != nil {
		t.Fatal(err)
	}
	become(t, nobody)
	accepted(t, dir, id)
}

// TestAttackS6Replaced replaces the session folder of a running program by one of another
// user.
func TestAttackS6Replaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sessions")
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	id := planted(t, dir)
	if err := os.Chmod(filepath.Join(dir, "records"), 0o777); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), id); err == nil {
		t.Errorf("a session of %q is accepted", r.Owner)
	}
}

// refused checks that a planted record is not served, and that the error says why. Looking at
// the store is refused if others can write to it.
func refused(t *testing.T, dir string, id session.ID, want string, looking bool) {
	t.Helper()
	for how, open := range map[string]func() (*Store, error){
		"Open":         func() (*Store, error) { return Open(dir, Config{DangerouslyNoSync: true}) },
		"OpenReadOnly": func() (*Store, error) { return OpenReadOnly(dir) },
	} {
		s, err := open()
		if err == nil {
			_, err = s.Load(t.Context(), id)
			s.Close()
		}
		if how == "OpenReadOnly" && !looking {
			if err != nil {
				t.Errorf("%s: %v", how, err)
			}
		} else if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", how, err, want)
		}
	}
}

func accepted(t *testing.T, dir string, id session.ID) {
	t.Helper()
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Load(t.Context(), id); err != nil || r.Owner != "admin" {
		t.Errorf("got %q, %v", r.Owner, err)
	}
}
