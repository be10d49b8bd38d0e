package server

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// FindPgBouncer returns the program, "" if it is missing. It may be outside the PATH of
// ordinary users.
func FindPgBouncer() string {
	for _, program := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if found, err := exec.LookPath(program); err == nil {
			return found
		}
	}
	return ""
}

// StartPgBouncer starts a pooler before the PostgreSQL server of an address, which lends
// a connection to that server for a "transaction" or a "session", and has so many of them.
// Its address is a URL as well.
func StartPgBouncer(ctx context.Context, pgbouncer, dir, address, mode string, conns int) (*Server, error) {
	to, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	as, err := prepare(ctx, dir, "postgres", pgbouncer, "--version")
	if err != nil {
		return nil, err
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		password := ""
		if p, ok := to.User.Password(); ok {
			password = " password='" + p + "'"
		}
		ini := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = %s
default_pool_size = %d
ignore_startup_parameters = extra_float_digits
`, to.Hostname(), to.Port(), to.User.Username(), password, port, mode, conns)
		file := filepath.Join(dir, "pgbouncer.ini")
		if err := os.WriteFile(file, []byte(ini), 0o644); err != nil {
			return nil, err
		}
		d, err := launch(as, dir, pgbouncer, file)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("process up") })
		return d, err
	}
	return begin(ctx, "postgres://"+to.User.Username()+"@127.0.0.1:%s"+to.Path+"?sslmode=disable", syscall.SIGINT, launch)
}
