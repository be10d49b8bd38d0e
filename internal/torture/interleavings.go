package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// interleavingTests are the tests that run the tables of internal/interleavings on a store:
// every cell, in every order, in one process and in two. They need package testing, so
// torture runs the test binaries.
var interleavingTests = map[string]check{
	"memory":   {"", ".", []string{"-test.v", "-test.run", "^TestInterleavings(OfThree)?$"}},
	"file":     {"", ".", []string{"-test.v", "-test.run", "^TestInterleavingsInFiles$"}},
	"sqlite":   {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^sqlite-modernc$"}},
	"postgres": {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^postgres-pgx$"}},
	"mariadb":  {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^mysql$"}},
	"redis":    {"", "./redisstore", []string{"-test.v", "-test.run", "^TestInterleavings$/^pool$"}},
	"nats":     {"", "./internal/natstest", []string{"-test.v", "-test.run", "^TestInterleavings$"}},
}

// countPattern matches what the tests print about the number of interleavings.
var countPattern = regexp.MustCompile(`(\d+) interleavings`)

func (t *trial) interleavings(ctx context.Context) error {
	root, err := repository()
	if err != nil {
		return err
	}
	start := time.Now()
	c := interleavingTests[t.kind]
	text, err := c.run(ctx, root, t.dir, "")
	if err != nil {
		return fmt.Errorf("interleavings, %s: %w\n%s", t.kind, err, text)
	}
	total := 0
	for _, found := range countPattern.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return err
		}
		total += n
	}
	if total == 0 {
		return fmt.Errorf("interleavings, %s: the tests ran none:\n%s", t.kind, text)
	}
	t.totals.interleavings += total
	fmt.Fprintf(t.out, "order   %-8s %d interleavings of two and three requests: all outcomes as listed in the tables, in %.1fs\n",
		t.kind, total, time.Since(start).Seconds())
	return nil
}
