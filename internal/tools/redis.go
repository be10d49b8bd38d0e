package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func findRedis() string {
	found, err := exec.LookPath("redis-server")
	if err != nil {
		return ""
	}
	return found
}

// startRedis returns the URL of a server with the defaults of Redis but for the port,
// the folder, and saving: its data ends with it.
func startRedis(ctx context.Context, redis, dir string, _ bool) (string, func(), error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", nil, err
	}
	port, d, err := onFreePort(func(port string) (*daemon, error) {
		d, err := launch(nil, dir, redis, "--port", port, "--bind", "127.0.0.1", "--dir", dir,
			"--pidfile", filepath.Join(dir, "pid"), "--save", "", "--appendonly", "no")
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("Ready to accept connections") })
		return d, err
	})
	if err != nil {
		return "", nil, err
	}
	return "redis://127.0.0.1:" + port, func() { d.stop(syscall.SIGTERM) }, nil
}
