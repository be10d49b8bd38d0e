package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// The linter's version is pinned: a linter that learns something new overnight must
// not turn an old commit red. The same goes for the program that looks for known
// vulnerabilities, but not for its database.
const (
	linter      = "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
	vulnChecker = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
)

// runLint runs the linter in every module.
func runLint(ctx context.Context, r *repo, _ []string) error {
	return r.everywhere(ctx, linter, "run", "--allow-parallel-runners", "--config="+filepath.Join(r.root, ".golangci.yml"), "./...")
}

// runVuln reports known vulnerabilities that our code can reach, in every module. It
// needs the network.
func runVuln(ctx context.Context, r *repo, _ []string) error {
	return r.everywhere(ctx, vulnChecker, "-test", "./...")
}

// everywhere runs a program module by module, because "./..." silently stops at the
// border of the root module.
func (r *repo) everywhere(ctx context.Context, pkg string, args ...string) error {
	program, err := r.install(ctx, pkg)
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range r.modules {
		if err := r.cmd(ctx, m.dir, nil, program, args...).Run(); err != nil {
			failed = append(failed, fmt.Errorf("%s %s: %w", filepath.Base(program), m.dir, err))
		}
	}
	return errors.Join(failed...)
}

// install builds the program of a package@version once into .cache and returns its
// path. It builds from source with the Go that is here: a linter built by an older Go
// refuses newer code.
func (r *repo) install(ctx context.Context, pkg string) (string, error) {
	name, version, _ := strings.Cut(path.Base(pkg), "@")
	dir := filepath.Join(r.root, ".cache", name+"-"+version)
	program := filepath.Join(dir, name)
	if exists(program) {
		return program, nil
	}
	fmt.Fprintln(os.Stderr, "tools: building", name, version)
	install := r.goCmd(ctx, ".", []string{"GOWORK=off", "GOBIN=" + dir}, "install", "-ldflags=-s -w", pkg)
	install.Stdout, install.Stderr = nil, nil // two hundred lines of downloads
	if log, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build %s: %w\n%s", name, err, log)
	}
	return program, nil
}
