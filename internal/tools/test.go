package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// runTest is "make test": everything a change must pass. A step that fails does not keep
// the others from saying what they find. The servers' packages are installed while the
// code is vetted, because one waits for the network and the other for the processor.
func runTest(ctx context.Context, r *repo, _ []string) error {
	var provisioned error
	var provisioning sync.WaitGroup
	provisioning.Go(func() { provisioned = provision(ctx, services()) })
	defer provisioning.Wait() // never leave a package manager behind

	steps := []struct {
		name string
		run  func() error
	}{
		{"vet", func() error { return r.goCmd(ctx, ".", nil, "vet", "work").Run() }},
		{"isolate", func() error { return runIsolate(ctx, r, nil) }},
		{"lint", func() error { return runLint(ctx, r, nil) }},
		{"servers", func() error { provisioning.Wait(); return provisioned }},
		{"test", func() error {
			return withServers(ctx, services(), true, func(env []string) error { return r.goTest(ctx, env) })
		}},
	}
	var errs []error
	for _, step := range steps {
		start := time.Now()
		if err := step.run(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", step.name, err))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		fmt.Fprintf(os.Stderr, "tools: %s took %s\n", step.name, time.Since(start).Round(time.Second))
	}
	return errors.Join(errs...)
}

// goTest runs the tests of every module, prints them as "go test" does, and at the
// end the sum, alone on a line. In CI a skipped test is a failure: it means that
// something the tests need was not there.
func (r *repo) goTest(ctx context.Context, env []string) error {
	c := r.goCmd(ctx, ".", env, "test", "-json", "-race", "-shuffle=on", "work")
	c.Stdout = nil
	events, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	report := newReport(os.Stdout)
	err = errors.Join(report.read(events), c.Wait())
	report.close()
	switch {
	case err != nil:
		return fmt.Errorf("go test: %w", err)
	case report.passed == 0:
		return errors.New("no test ran")
	case report.skipped > 0 && os.Getenv("CI") != "":
		return errors.New("tests were skipped, which CI does not accept")
	}
	return nil
}
