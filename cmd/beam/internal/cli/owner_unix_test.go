//go:build unix

package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// run runs a command in dir and returns its exit code and its output.
func run(t *testing.T, dir string, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), append([]string{"./beam"}, args...), strings.NewReader(""), &out, &errs, environ, dir)
	return code, out.String(), errs.String()
}

// give makes nobody the owner of a folder and of all that it contains.
func give(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// foreign lists the files below dir that do not belong to the given user.
func foreign(t *testing.T, dir string, uid int) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && int(info.Sys().(*syscall.Stat_t).Uid) != uid {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestField11AnotherUsersStore manages the sessions of an application that runs as another
// user. Whatever a command leaves there would lock the application out. Without being the
// superuser, it can only see that commands that write are refused.
func TestField11AnotherUsersStore(t *testing.T) {
	dir, _ := project(t)
	folder, user, environ := "/", "root", []string{"SESSION_STORES__FILE__PATH=/"}
	if os.Geteuid() == 0 {
		folder, user, environ = "storage/sessions", "nobody", nil
		storage := filepath.Join(dir, "storage")
		give(t, storage)
		for _, args := range [][]string{
			{"session", "list"}, {"session", "list", "--owner", "ada"}, {"session", "list", "--owner", "bob"}, {"session", "stats"},
			{"session", "clear", "--dry-run"}, {"session", "clear", "--all", "--dry-run"}, {"config", "check"}, {"config", "show"},
		} {
			if code, _, stderr := run(t, dir, environ, args...); code != ExitOK {
				t.Errorf("%v: code %d, %s", args, code, stderr)
			}
		}
		if _, out, _ := run(t, dir, environ, "session", "list"); !strings.Contains(out, "  ada  ") {
			t.Errorf("the list is\n%s\nwant the session of ada", out)
		}
		defer func() {
			if got := foreign(t, storage, nobody); got != nil {
				t.Errorf("files of another user than the owner of the folder: %v", got)
			}
		}()
	}
	for _, args := range [][]string{
		{"session", "clear"}, {"session", "clear", "--all", "--yes"}, {"session", "revoke", "--owner", "ada o'k"}, {"store", "check"},
		{"demo", "--addr", "127.0.0.1:0", "--" + useConfigured},
	} {
		code, out, stderr := run(t, dir, environ, args...)
		command := strings.ReplaceAll(strings.Join(args, " "), "ada o'k", `"ada o'k"`)
		want := "the session folder " + folder + " belongs to " + user + ", and files of another user in it would lock the application out; run: sudo -u " + user + " ./beam " + command + "\n"
		if code != ExitFailed || out != "" || !strings.HasSuffix(stderr, want) {
			t.Errorf("%v: code %d, %q, %q; want %q", args, code, out, stderr, want)
		}
	}
}

// TestField11SQLiteOfAnotherUser migrates and manages a SQLite database as the superuser. The
// owner of the folder must be able to go on. As another user, it all belongs to the same one.
func TestField11SQLiteOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"config/session.toml":  `store = "database"`,
		"config/database.toml": "default = \"main\"\n[connections.main]\ndriver = \"sqlite\"\ndatabase = \"storage/data/app.db\"\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	uid := os.Geteuid()
	if uid == 0 {
		uid = nobody
		give(t, dir)
	}
	for _, args := range [][]string{
		{"make", "session-table"}, {"db", "status"}, {"db", "migrate"}, {"db", "status"}, {"config", "check"}, {"session", "list"},
		{"session", "clear"}, {"store", "check"}, {"db", "rollback"}, {"db", "migrate"},
	} {
		if code, _, stderr := run(t, dir, nil, args...); code != ExitOK {
			t.Errorf("%v: code %d, %s", args, code, stderr)
		}
	}
	if got := foreign(t, filepath.Join(dir, "storage"), uid); got != nil {
		t.Errorf("files of another user than the owner of the folder: %v", got)
	}
}
