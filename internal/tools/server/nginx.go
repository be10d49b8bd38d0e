package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// FindNginx returns the program, "" if it is missing. It may be outside the PATH of
// ordinary users.
func FindNginx() string {
	for _, program := range []string{"nginx", "/usr/sbin/nginx"} {
		if found, err := exec.LookPath(program); err == nil {
			return found
		}
	}
	return ""
}

// StartNginx starts a proxy with what its configuration has in a server block. Its address is
// a URL.
func StartNginx(ctx context.Context, nginx, dir, block string) (*Server, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		conf := fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  server {
    listen 127.0.0.1:%[2]s;
%[3]s
  }
}
`, dir, port, block)
		file := filepath.Join(dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			return nil, err
		}
		d, err := launch(nil, dir, nginx, "-e", "stderr", "-p", dir, "-c", file)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("start worker process ") })
		return d, err
	}
	return begin(ctx, "http://127.0.0.1:%s", syscall.SIGTERM, launch)
}
