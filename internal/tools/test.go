package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gotest.tools/gotestsum/testjson"
)

// A step is a part of a run that is timed and reported by its name.
type step struct {
	name string
	run  func() error
}

// runTest is "make test": everything a change must pass.
func runTest(ctx context.Context, r *repo, _ []string) error {
	return runSteps(ctx, []step{
		{"vet", func() error { return r.goCmd(ctx, ".", nil, "vet", "work").Run() }},
		{"isolate", func() error { return runIsolate(ctx, r, nil) }},
		{"lint", func() error { return runLint(ctx, r, nil) }},
		{"servers", func() error { return reportMissing(absent(services())) }},
		{"test", func() error {
			return withServers(ctx, services(), true, func(env []string) error {
				return r.goTest(ctx, os.Stdout, testjson.SummarizeAll, env, "-race", "-shuffle=on", "-vet=off", "work")
			})
		}},
	})
}

// runCheck is "make check": what takes less than a minute once the build cache is warm.
// It needs no servers and no linter: it tests the modules that a release publishes, and
// the tools, without the race detector and without the tests that "go test -short"
// leaves out. Tests that need a server are skipped, even in CI.
func runCheck(ctx context.Context, r *repo, _ []string) error {
	args := []string{"-short", "-vet=off"} // the step before has vetted more
	for _, m := range r.modules {
		if m.released || m.dir == "internal/tools" {
			args = append(args, "./"+m.dir+"/...") // a module path would also match the modules below it
		}
	}
	return runSteps(ctx, []step{
		{"gofmt", func() error { return checkFormat(ctx, r) }},
		{"vet", func() error { return r.goCmd(ctx, ".", nil, "vet", "work").Run() }},
		{"test", func() error {
			if err := os.Unsetenv("CI"); err != nil {
				return err
			}
			return r.goTest(ctx, os.Stdout, testjson.SummarizeAll&^testjson.SummarizeSkipped, nil, args...)
		}},
	})
}

// runSteps runs every step, whether or not one before it has failed.
func runSteps(ctx context.Context, steps []step) error {
	var errs []error
	for _, step := range steps {
		start := time.Now()
		if err := step.run(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.name, err))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fmt.Fprintf(os.Stderr, "tools: %s took %s\n", step.name, time.Since(start).Round(100*time.Millisecond))
	}
	return errors.Join(errs...)
}

func checkFormat(ctx context.Context, r *repo) error {
	files, err := r.output(ctx, "gofmt", "-l", ".")
	if err != nil {
		return err
	}
	if files != "" {
		return fmt.Errorf("these files are not formatted; run make fmt:\n%s", files)
	}
	return nil
}
