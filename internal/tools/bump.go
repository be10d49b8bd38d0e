package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// runBump sets the version that our modules require of each other, in every go.mod
// and in the replace lines of go.work. All modules are released in lockstep, because
// nested ones may use internal packages of the root.
func runBump(_ context.Context, r *repo, args []string) error {
	if len(args) != 1 || !semver.IsValid(args[0]) || semver.Canonical(args[0]) != args[0] {
		return fmt.Errorf("bump: want one version such as v0.2.0: %w", errUsage)
	}
	own := make(map[string]bool)
	for _, m := range r.modules {
		own[m.path] = true
	}
	for _, m := range r.modules {
		if err := bumpModule(filepath.Join(r.folder(m), "go.mod"), own, args[0]); err != nil {
			return err
		}
	}
	return bumpWork(filepath.Join(r.root, "go.work"), own, args[0])
}

func bumpModule(file string, own map[string]bool, version string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(file, data, nil)
	if err != nil {
		return err
	}
	for _, req := range mod.Require {
		if own[req.Mod.Path] {
			if err := mod.AddRequire(req.Mod.Path, version); err != nil {
				return err
			}
		}
	}
	if data, err = mod.Format(); err != nil {
		return err
	}
	return replaceFile(file, data)
}

func bumpWork(file string, own map[string]bool, version string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return err
	}
	for _, rep := range work.Replace {
		// In place: dropping and adding would scatter the block and its comments.
		for i, token := range rep.Syntax.Token {
			if own[rep.Old.Path] && token == rep.Old.Version {
				rep.Syntax.Token[i] = version
			}
		}
	}
	return replaceFile(file, modfile.Format(work.Syntax))
}
