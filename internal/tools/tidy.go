package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
)

// runTidy tidies every module. "go mod tidy" alone fails while our modules require
// a version of each other that is not published, and adding a replace by hand is
// how one ends up in a release; so the replace lines live in a copy only.
func runTidy(ctx context.Context, r *repo, dirs []string) error {
	modules := r.modules
	if len(dirs) > 0 {
		modules = nil
	}
	for _, dir := range dirs {
		m, err := r.find(dir)
		if err != nil {
			return err
		}
		modules = append(modules, m)
	}
	for _, m := range modules {
		if err := r.tidy(ctx, m); err != nil {
			return err
		}
	}
	// Loading everything once in the workspace completes go.work.sum. "go work sync" is
	// not it: that also raises the requirements of every module to the workspace's.
	list := r.goCmd(ctx, ".", nil, "list", "-deps", "-test", "work")
	list.Stdout = nil
	return list.Run()
}

// runGet is "go get" for one module, followed by a tidy.
func runGet(ctx context.Context, r *repo, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("get: want a module folder and packages: %w", errUsage)
	}
	m, err := r.find(args[0])
	if err != nil {
		return err
	}
	err = r.withReplaces(m, func(file string) error {
		return r.goCmd(ctx, m.dir, off, append([]string{"get", "-modfile=" + file}, args[1:]...)...).Run()
	})
	if err != nil {
		return fmt.Errorf("%s: go get: %w", m.dir, err)
	}
	return runTidy(ctx, r, args[:1])
}

func (r *repo) tidy(ctx context.Context, m module) error {
	err := r.withReplaces(m, func(file string) error {
		return r.goCmd(ctx, m.dir, off, "mod", "tidy", "-modfile="+file).Run()
	})
	if err != nil {
		return fmt.Errorf("%s: go mod tidy: %w", m.dir, err)
	}
	return nil
}

// off takes a go command out of the workspace.
var off = []string{"GOWORK=off"}

// withReplaces calls f with the name of a copy of m's go.mod (its go.sum beside it)
// in which our own modules are replaced by their folders. If f succeeds, go.mod and
// go.sum take over what the copies became, without those replaces.
func (r *repo) withReplaces(m module, f func(file string) error) error {
	file, done, err := r.replaced(m)
	if err != nil {
		return err
	}
	defer done()
	if err := f(file); err != nil {
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return err
	}
	for _, own := range r.modules {
		if err := mod.DropReplace(own.path, r.version); err != nil {
			return err
		}
	}
	mod.Cleanup()
	if data, err = mod.Format(); err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(r.folder(m), "go.mod"), data); err != nil {
		return err
	}
	sums, err := os.ReadFile(sumFile(file))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return replaceFile(filepath.Join(r.folder(m), "go.sum"), sums)
}

// replaced copies m's go.mod and go.sum to a temporary folder and adds the replaces.
// The caller calls done when it no longer needs them.
func (r *repo) replaced(m module) (file string, done func(), err error) {
	data, err := os.ReadFile(filepath.Join(r.folder(m), "go.mod"))
	if err != nil {
		return "", nil, err
	}
	mod, err := modfile.Parse(filepath.Join(m.dir, "go.mod"), data, nil)
	if err != nil {
		return "", nil, err
	}
	for _, own := range r.modules {
		if own.path == m.path || m.released && !own.released {
			continue // a released one must not need what strangers cannot get
		}
		if err := mod.AddReplace(own.path, r.version, r.folder(own), ""); err != nil {
			return "", nil, err
		}
	}
	if data, err = mod.Format(); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "tools-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, "go.mod")
	sums, err := os.ReadFile(filepath.Join(r.folder(m), "go.sum"))
	if err == nil {
		err = os.WriteFile(sumFile(file), sums, 0o644)
	} else if os.IsNotExist(err) {
		err = nil
	}
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return file, done, nil
}

// sumFile is where the go command keeps the checksums that belong to a -modfile.
func sumFile(modFile string) string {
	return modFile[:len(modFile)-len(".mod")] + ".sum"
}

// replaceFile writes data unless the file holds it already. No data: no file.
func replaceFile(name string, data []byte) error {
	old, err := os.ReadFile(name)
	switch {
	case err == nil && bytes.Equal(old, data), os.IsNotExist(err) && len(data) == 0:
		return nil
	case len(data) == 0:
		return os.Remove(name)
	}
	return os.WriteFile(name, data, 0o644)
}

// goCmd prepares a go command in the folder dir below the root. Its standard output
// and error are ours; env comes on top of our environment. Tests get testTimeout, unless args
// say otherwise.
func (r *repo) goCmd(ctx context.Context, dir string, env []string, args ...string) *exec.Cmd {
	if args[0] == "test" {
		args = slices.Insert(args, 1, testTimeout)
	}
	return r.cmd(ctx, dir, env, "go", args...)
}

// testTimeout limits the tests of one package. It leaves room for a machine with an eighth
// of the speed of two current cores; the default of ten minutes does not.
const testTimeout = "-timeout=45m"

func (r *repo) cmd(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = filepath.Join(r.root, filepath.FromSlash(dir))
	c.Env = append(c.Environ(), env...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}
