package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// findPostgres returns the folder of initdb and postgres, which Debian keeps out of
// the PATH, one folder a version.
func findPostgres() string {
	initdb := lookup("/usr/lib/postgresql/*/bin", "initdb")
	if initdb == "" {
		return ""
	}
	if resolved, err := filepath.EvalSymlinks(initdb); err == nil {
		initdb = resolved
	}
	if dir := filepath.Dir(initdb); exists(filepath.Join(dir, "postgres")) {
		return dir
	}
	return ""
}

// startPostgres returns the URL of a superuser. There is no password, and no Unix
// socket: who reaches the loopback address is who tests.
func startPostgres(ctx context.Context, bin, dir string, fast bool) (string, func(), error) {
	data := filepath.Join(dir, "data")
	as, err := prepare(ctx, dir, "postgres", filepath.Join(bin, "initdb"), "--pgdata="+data,
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return "", nil, err
	}
	port, d, err := onFreePort(func(port string) (*daemon, error) {
		args := []string{"-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=", "-c", "max_connections=200"}
		if fast {
			args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
		}
		d, err := launch(as, dir, filepath.Join(bin, "postgres"), args...)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return postmasterReady(data) })
		return d, err
	})
	if err != nil {
		return "", nil, err
	}
	url := "postgres://postgres@127.0.0.1:" + port + "/postgres?sslmode=disable"
	return url, func() { d.stop(syscall.SIGINT) }, nil // SIGINT: do not wait for clients
}

// postmasterReady reads what pg_ctl reads: line 8 of the server's own PID file, which
// it removes when it ends.
func postmasterReady(data string) bool {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	return len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
}
