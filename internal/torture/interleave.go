package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// played are the tests that play the tables of internal/interleavings on a store: every
// cell, in every order, by one process and by two. They are run as they are, since a
// program that is no test cannot play them.
var played = map[string]check{
	"memory":   {"", ".", []string{"-test.v", "-test.run", "^TestInterleavings(OfThree)?$"}},
	"file":     {"", ".", []string{"-test.v", "-test.run", "^TestInterleavingsInFiles$"}},
	"sqlite":   {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^sqlite-modernc$"}},
	"postgres": {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^postgres-pgx$"}},
	"mariadb":  {"", "./internal/integration", []string{"-test.v", "-test.run", "^TestInterleavings$/^mysql$"}},
}

// countOf is how the tests say what they did.
var countOf = regexp.MustCompile(`(\d+) interleavings`)

func (t *trial) interleavings(ctx context.Context) error {
	root, err := repository()
	if err != nil {
		return err
	}
	start := time.Now()
	c := played[t.kind]
	text, err := c.run(ctx, root, t.dir, "")
	if err != nil {
		return fmt.Errorf("interleavings, %s: %w\n%s", t.kind, err, text)
	}
	total := 0
	for _, found := range countOf.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			return err
		}
		total += n
	}
	if total == 0 {
		return fmt.Errorf("interleavings, %s: none was played:\n%s", t.kind, text)
	}
	t.did.interleavings += total
	fmt.Fprintf(t.out, "order   %-8s %d interleavings of two and three requests came out as the tables say in %.1fs\n",
		t.kind, total, time.Since(start).Seconds())
	return nil
}
