package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// runDeploys runs the tests of the command in which replicas are replaced, and sessions move from
// store to store, under load. Here, the replicas have the race detector, too.
func runDeploys(ctx context.Context, out io.Writer) error {
	root, err := repository()
	if err != nil {
		return err
	}
	start := time.Now()
	test := exec.CommandContext(ctx, "go", "test", "-race", "-count=1", "-timeout=20m", "-run=^(TestMovingHouse|TestRollingDeploy)$", "./cmd/beam", "-long")
	test.Dir = root
	if text, err := test.CombinedOutput(); err != nil {
		return fmt.Errorf("deploys: %w\n%s", err, text)
	}
	fmt.Fprintf(out, "deploys: replicas were replaced, and sessions moved, under load on all stores: nothing lost, in %.0fs\n", time.Since(start).Seconds())
	return nil
}
