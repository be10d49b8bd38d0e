package main

import (
	"context"
	"errors"
)

// runGenerate rewrites the files that are made from the code: testdata/api.txt,
// docs/interleavings.md, the tables of benchmarks/README.md, README.md and docs/scaling.md
// with the curves (from benchmarks/results.json, without measuring again), and the badges. The
// tests that compare the first three also write them, so the two cannot disagree.
func runGenerate(ctx context.Context, r *repo, _ []string) error {
	return errors.Join(
		r.goCmd(ctx, ".", nil, "test", "-run=^(TestAPI|TestInterleavings)$", ".", "-update").Run(),
		r.goCmd(ctx, ".", nil, "run", "./benchmarks/cmd/bench", "-parts", "none", "-write").Run(),
		r.writeBadges(),
	)
}
