package server

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// FindPrometheus returns the program, "" if it is missing.
func FindPrometheus() string {
	found, err := exec.LookPath("prometheus")
	if err != nil {
		return ""
	}
	return found
}

// StartPrometheus starts a server that scrapes the metrics of a host and port each second. Its
// address is the URL of its API.
func StartPrometheus(ctx context.Context, prometheus, dir, target string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: app\n  static_configs:\n  - targets: [%q]\n", target)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		d, err := launch(nil, dir, prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
			"--web.listen-address=127.0.0.1:"+port)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("Server is ready to receive web requests") })
		return d, err
	}
	return begin(ctx, "http://127.0.0.1:%s", syscall.SIGTERM, launch)
}
