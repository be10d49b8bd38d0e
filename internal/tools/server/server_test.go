package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServerDirLeavesRoomForSockets(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), strings.Repeat("long", 20)))
	dir, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if socket := filepath.Join(dir, "mariadb", "socket"); len(socket) >= 107 {
		t.Errorf("%s has %d bytes, want fewer than 107", socket, len(socket))
	}
}

func TestNewestPostgres(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"9.6", "13", "15", "conf"} {
		write(t, filepath.Join(dir, version, "bin", "initdb"), "")
	}
	write(t, filepath.Join(dir, "17", "bin", "psql"), "") // the client alone
	if got, want := newestPostgres(dir), filepath.Join(dir, "15", "bin"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := newestPostgres(t.TempDir()); got != "" {
		t.Errorf("got %s, want nothing", got)
	}
}

func TestOnFreePortTriesAgain(t *testing.T) {
	taken := errors.New("address in use")
	tries := 0
	port, _, err := onFreePort(func(string) (*daemon, error) {
		if tries++; tries < 3 {
			return nil, taken
		}
		return &daemon{}, nil
	})
	if err != nil || tries != 3 || port == "" {
		t.Errorf("got port %q after %d tries: %v", port, tries, err)
	}
	if _, _, err := onFreePort(func(string) (*daemon, error) { return nil, taken }); !errors.Is(err, taken) {
		t.Errorf("got %v, want the last error", err)
	}
}

func TestServerThatEndsAtOnce(t *testing.T) {
	d, err := launch(nil, t.TempDir(), "sh", "-c", "echo bad option; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	err = d.await(t.Context(), func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "bad option") {
		t.Errorf("got %v, want an error with what the server said", err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}
