package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// FindMariaDB returns mariadbd, if the program that makes its system tables is there
// too. It may be outside the PATH of ordinary users. Oracle's mysqld takes other
// options: run one yourself and name it in SESSION_TEST_MYSQL.
func FindMariaDB() string {
	if _, err := exec.LookPath("mariadb-install-db"); err != nil {
		return ""
	}
	for _, program := range []string{"mariadbd", "/usr/sbin/mariadbd"} {
		if found, err := exec.LookPath(program); err == nil {
			return found
		}
	}
	return ""
}

// StartMariaDB starts a server whose address is the DSN of go-sql-driver for root,
// without a password, and the database session. A fast one loses what it was told when
// it is killed.
func StartMariaDB(ctx context.Context, mariadbd, dir string, fast bool) (*Server, error) {
	data := filepath.Join(dir, "data")
	as, err := prepare(ctx, dir, "mysql", "mariadb-install-db", "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db")
	if err != nil {
		return nil, err
	}
	setup := filepath.Join(dir, "setup.sql")
	if err := os.WriteFile(setup, []byte("CREATE DATABASE IF NOT EXISTS session CHARACTER SET utf8mb4;\n"), 0o644); err != nil {
		return nil, err
	}
	args := []string{"--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1",
		"--skip-networking=0", "--skip-name-resolve", "--socket=" + filepath.Join(dir, "socket"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--init-file=" + setup, "--max-connections=200"}
	if fast {
		args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		d, err := launch(as, dir, mariadbd, append(args, "--port="+port)...)
		if err != nil {
			return nil, err
		}
		// The line comes after the port is bound and the init file is done.
		err = d.await(ctx, func() bool { return d.log.contains("ready for connections") })
		return d, err
	}
	return begin(ctx, "root@tcp(127.0.0.1:%s)/session", syscall.SIGTERM, launch)
}
