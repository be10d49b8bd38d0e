package main

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// runIsolate builds each released module as a stranger gets it: without go.work, so
// that a requirement that only the workspace supplies is found here and not by the
// first user. Every module, released or not, must also be tidy.
func runIsolate(ctx context.Context, r *repo, _ []string) error {
	var errs []error
	for _, m := range r.modules {
		if err := r.isolate(ctx, m); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.dir, err))
		}
	}
	return errors.Join(errs...)
}

func (r *repo) isolate(ctx context.Context, m module) error {
	file, done, err := r.replaced(m)
	if err != nil {
		return err
	}
	defer done()
	if err := r.goCmd(ctx, m.dir, off, "mod", "tidy", "-diff", "-modfile="+file).Run(); err != nil {
		return fmt.Errorf("not tidy (run: go run ./internal/tools tidy %s): %w", m.dir, err)
	}
	if !m.released {
		return nil
	}
	// Without -o, a module with one main package and nothing else leaves a binary behind.
	if err := r.goCmd(ctx, m.dir, off, "build", "-modfile="+file, "-o", os.DevNull, "./...").Run(); err != nil {
		return fmt.Errorf("does not build on its own: %w", err)
	}
	return nil
}
