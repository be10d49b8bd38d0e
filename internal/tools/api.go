package main

import "context"

// runAPI rewrites the golden file of the exported API. What writes it is the test
// that compares it, so that the two cannot disagree.
func runAPI(ctx context.Context, r *repo, _ []string) error {
	return r.goCmd(ctx, ".", nil, "test", "-run=^TestAPI$", ".", "-update").Run()
}
