package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// FindPostgres returns the folder of initdb and postgres. Debian keeps them out of
// the PATH, one folder a version; the newest is taken.
func FindPostgres() string {
	if dir := newestPostgres("/usr/lib/postgresql"); dir != "" {
		return dir
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	// postgres is beside the program itself, not beside a link to it.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return ""
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(initdb), "postgres")); err != nil {
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

// StartPostgres starts an empty server, whose address is the URL of a superuser. There
// is no Unix socket, and only members of the role [PasswordRole], which a test may create,
// need a password: who reaches the loopback address is who tests. A fast one loses what it
// was told when it is killed.
func StartPostgres(ctx context.Context, bin, dir string, fast bool) (*Server, error) {
	as, err := prepare(ctx, dir, "postgres", filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
	if err != nil {
		return nil, err
	}
	if err := demandPasswords(filepath.Join(dir, "data", "pg_hba.conf")); err != nil {
		return nil, err
	}
	return beginPostgres(ctx, bin, dir, as, fast)
}

// PasswordRole is the role whose members need a password, as on a real server.
const PasswordRole = "test_password"

// demandPasswords puts a rule for members of PasswordRole before those that initdb wrote.
func demandPasswords(hba string) error {
	rules, err := os.ReadFile(hba)
	if err != nil {
		return err
	}
	return os.WriteFile(hba, append([]byte("host all +"+PasswordRole+" 127.0.0.1/32 scram-sha-256\n"), rules...), 0o600)
}

// StartStandby starts a replica of a running server, to which that one streams what it
// writes. It can be read, until it is promoted by "SELECT pg_promote()".
func StartStandby(ctx context.Context, bin, dir string, primary *Server) (*Server, error) {
	as, err := prepare(ctx, dir, "postgres", filepath.Join(bin, "pg_basebackup"), "--pgdata="+filepath.Join(dir, "data"),
		"--dbname="+primary.Address, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
	if err != nil {
		return nil, err
	}
	return beginPostgres(ctx, bin, dir, as, false)
}

func beginPostgres(ctx context.Context, bin, dir string, as *syscall.Credential, fast bool) (*Server, error) {
	data := filepath.Join(dir, "data")
	args := []string{"-D", data, "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=", "-c", "max_connections=200"}
	if fast {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		d, err := launch(as, dir, filepath.Join(bin, "postgres"), append(args, "-p", port)...)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return postmasterReady(data, d.cmd.Process.Pid) })
		return d, err
	}
	return begin(ctx, "postgres://postgres@127.0.0.1:%s/postgres?sslmode=disable", syscall.SIGINT, launch) // SIGINT: do not wait for clients
}

// postmasterReady reads what pg_ctl reads: lines 1 and 8 of the server's own PID file,
// which it removes when it ends, if it can.
func postmasterReady(data string, pid int) bool {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 8 || strings.TrimSpace(lines[0]) != strconv.Itoa(pid) {
		return false
	}
	state := strings.TrimSpace(lines[7])
	return state == "ready" || state == "standby"
}
