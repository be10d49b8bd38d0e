package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// lintVersion is pinned: a linter that learns something new over night must not turn
// an old commit red.
const lintVersion = "v2.15.0"

// runLint runs the linter module by module, because "./..." silently stops at the
// border of the root module.
func runLint(ctx context.Context, r *repo, _ []string) error {
	program, err := r.installLinter(ctx)
	if err != nil {
		return err
	}
	config := filepath.Join(r.root, ".golangci.yml")
	var failed []error
	for _, m := range r.modules {
		c := r.cmd(ctx, m.dir, nil, program, "run", "--config="+config, "./...")
		if err := c.Run(); err != nil {
			failed = append(failed, fmt.Errorf("lint %s: %w", m.dir, err))
		}
	}
	return errors.Join(failed...)
}

// installLinter builds the linter once into .cache and returns its path. From source,
// with the Go that is here: a binary built by an older Go refuses newer code.
func (r *repo) installLinter(ctx context.Context) (string, error) {
	dir := filepath.Join(r.root, ".cache", "golangci-lint-"+lintVersion)
	program := filepath.Join(dir, "golangci-lint")
	if exists(program) {
		return program, nil
	}
	fmt.Fprintln(os.Stderr, "tools: building golangci-lint", lintVersion)
	install := r.goCmd(ctx, ".", []string{"GOWORK=off", "GOBIN=" + dir}, "install", "-ldflags=-s -w",
		"github.com/golangci/golangci-lint/v2/cmd/golangci-lint@"+lintVersion)
	install.Stdout, install.Stderr = nil, nil // two hundred lines of downloads
	if log, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build golangci-lint: %w\n%s", err, log)
	}
	return program, nil
}
