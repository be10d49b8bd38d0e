package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// A repo is a checkout: its modules, and the version they require of each other.
type repo struct {
	root    string // absolute
	modules []module
	version string // of the replace lines in go.work; what the next release is called
}

// A module is one line of modules.txt.
type module struct {
	dir      string // below the root, with slashes; "." for the root itself
	path     string // the module path
	released bool
}

func runModules(_ context.Context, r *repo, _ []string) error {
	for _, m := range r.modules {
		state := "unreleased"
		if m.released {
			state = "released"
		}
		fmt.Printf("%-22s %-10s %s\n", m.dir, state, m.path)
	}
	return nil
}

// openRepo finds the checkout that holds dir, and reads modules.txt and go.work.
func openRepo(dir string) (*repo, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for !exists(filepath.Join(root, "modules.txt")) {
		if filepath.Dir(root) == root {
			return nil, errors.New("no modules.txt here or above: run this inside a checkout")
		}
		root = filepath.Dir(root)
	}
	r := &repo{root: root}
	if r.modules, err = readModules(root); err != nil {
		return nil, err
	}
	r.version, err = workVersion(filepath.Join(root, "go.work"), r.modules[0].path)
	return r, err
}

func readModules(root string) ([]module, error) {
	f, err := os.Open(filepath.Join(root, "modules.txt"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []module
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 || (fields[1] != "released" && fields[1] != "unreleased") {
			return nil, fmt.Errorf("modules.txt: %q: want a folder and released or unreleased", lines.Text())
		}
		data, err := os.ReadFile(filepath.Join(root, fields[0], "go.mod"))
		if err != nil {
			return nil, fmt.Errorf("modules.txt: %w", err)
		}
		all = append(all, module{dir: fields[0], path: modfile.ModulePath(data), released: fields[1] == "released"})
	}
	if len(all) == 0 || all[0].dir != "." {
		return nil, errors.New("modules.txt: the first line must be the root module")
	}
	return all, nil
}

// workVersion returns the version at which go.work replaces the root module.
func workVersion(file, path string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return "", err
	}
	for _, rep := range work.Replace {
		if rep.Old.Path == path {
			return rep.Old.Version, nil
		}
	}
	return "", fmt.Errorf("go.work: no replace line for %s", path)
}

// folder returns the absolute folder of m.
func (r *repo) folder(m module) string { return filepath.Join(r.root, filepath.FromSlash(m.dir)) }

// find returns the module in the folder dir, as modules.txt spells it.
func (r *repo) find(dir string) (module, error) {
	dir = filepath.ToSlash(filepath.Clean(dir))
	for _, m := range r.modules {
		if m.dir == dir {
			return m, nil
		}
	}
	return module{}, fmt.Errorf("%s is no module of modules.txt", dir)
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
