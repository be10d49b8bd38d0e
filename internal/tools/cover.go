package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// runCover prints how many statements of each package the tests of all modules reach.
// "go test -cover" alone asks each package's own tests only, and would call the SQL
// store untested, whose tests need drivers and live in another module.
func runCover(ctx context.Context, r *repo, _ []string) error {
	if err := reportMissing(absent(services())); err != nil {
		return err
	}
	profile := filepath.Join(r.root, ".cache", "cover.out")
	if err := os.MkdirAll(filepath.Dir(profile), 0o755); err != nil {
		return err
	}
	var measured []string
	for _, m := range r.modules {
		if m.released {
			measured = append(measured, m.path+"/...")
		}
	}
	err := withServers(ctx, services(), true, func(env []string) error {
		return r.goCmd(ctx, ".", env, "test", "-coverpkg="+strings.Join(measured, ","), "-coverprofile="+profile, "work").Run()
	})
	if err != nil {
		return err
	}
	f, err := os.Open(profile)
	if err != nil {
		return err
	}
	defer f.Close()
	packages, err := coverage(bufio.NewScanner(f))
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		c := packages[name]
		fmt.Printf("%5.1f %%  %s\n", 100*float64(c.reached)/float64(max(c.all, 1)), name)
	}
	return err
}

// A count is of statements.
type count struct{ all, reached int }

// coverage sums a profile by package. Every test binary writes every block, so a
// block is there many times and is reached if any of them reached it.
func coverage(lines *bufio.Scanner) (map[string]count, error) {
	type block struct {
		statements int
		reached    bool
	}
	blocks := make(map[string]block) // :: position → block
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 { // the line with the mode
			continue
		}
		statements, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("profile: %q: %w", lines.Text(), err)
		}
		blocks[fields[0]] = block{statements, blocks[fields[0]].reached || fields[2] != "0"}
	}
	packages := make(map[string]count)
	for position, b := range blocks {
		file, _, _ := strings.Cut(position, ":")
		c := packages[path.Dir(file)]
		c.all += b.statements
		if b.reached {
			c.reached += b.statements
		}
		packages[path.Dir(file)] = c
	}
	return packages, lines.Err()
}
