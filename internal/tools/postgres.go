package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// findPostgres returns the folder of initdb and postgres. Debian keeps them out of
// the PATH, one folder a version; the newest is taken.
func findPostgres() string {
	if dir := newestPostgres("/usr/lib/postgresql"); dir != "" {
		return dir
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	// postgres is beside the program itself, not beside a link to it.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil || !exists(filepath.Join(filepath.Dir(initdb), "postgres")) {
		return ""
	}
	return filepath.Dir(initdb)
}

// newestPostgres looks for VERSION/bin/initdb in a folder: 9.6, 13, 15, 17. Packages
// of the client alone have such a folder too, but no initdb.
func newestPostgres(in string) string {
	newest, dir := 0.0, ""
	found, _ := filepath.Glob(filepath.Join(in, "*", "bin", "initdb")) // the pattern is well-formed
	for _, initdb := range found {
		bin := filepath.Dir(initdb)
		if v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64); err == nil && v > newest {
			newest, dir = v, bin
		}
	}
	return dir
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
