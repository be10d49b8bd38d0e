package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// FindRedis returns the program, "" if it is missing.
func FindRedis() string {
	found, err := exec.LookPath("redis-server")
	if err != nil {
		return ""
	}
	return found
}

// StartRedis starts a server with the defaults of Redis but for the port, the folder,
// and saving: its data ends with it. Its address is a URL. There is no faster one.
func StartRedis(ctx context.Context, redis, dir string, _ bool) (*Server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return startRedis(ctx, redis, dir, "--appendonly", "no")
}

// StartDurableRedis is StartRedis for a server that keeps its data when it is killed: each write
// is on disk before its answer.
func StartDurableRedis(ctx context.Context, redis, dir string, _ bool) (*Server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return startRedis(ctx, redis, dir, "--appendonly", "yes", "--appendfsync", "always")
}

func startRedis(ctx context.Context, redis, dir string, options ...string) (*Server, error) {
	launch := func(ctx context.Context, port string) (*daemon, error) {
		d, err := launch(nil, dir, redis, append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", dir,
			"--pidfile", filepath.Join(dir, "pid"), "--save", ""}, options...)...)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("Ready to accept connections") })
		return d, err
	}
	return begin(ctx, "redis://127.0.0.1:%s", syscall.SIGTERM, launch)
}
