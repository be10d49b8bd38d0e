package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
)

// runFuzz fuzzes with every fuzz test of every module, one after the other, because
// "go test -fuzz" takes only one. Input that fails is left in the testdata folder of
// its package, where it is a test case from then on.
func runFuzz(ctx context.Context, r *repo, args []string) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	each := flags.String("t", "1m", "how long to fuzz with each fuzz test, or how often: 1000x")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	var list bytes.Buffer
	c := r.goCmd(ctx, ".", nil, "test", "-list=^Fuzz", "work")
	c.Stdout = &list
	if err := c.Run(); err != nil {
		return fmt.Errorf("fuzz: cannot list the fuzz tests: %w", err)
	}
	tests := fuzzTests(list.String())
	if len(tests) == 0 {
		return errors.New("fuzz: no module has a fuzz test")
	}
	var errs []error
	for _, t := range tests {
		fmt.Println(t.pkg, t.name)
		if err := r.goCmd(ctx, ".", nil, "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+*each, t.pkg).Run(); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", t.pkg, t.name, err))
		}
	}
	return errors.Join(errs...)
}

type fuzzTest struct{ pkg, name string }

// fuzzTests reads the output of "go test -list": the names of the tests of a package,
// then a line "ok", the package, and the time.
func fuzzTests(list string) []fuzzTest {
	var tests []fuzzTest
	var names []string
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) > 1 && fields[0] == "ok":
			for _, name := range names {
				tests = append(tests, fuzzTest{fields[1], name})
			}
			names = nil
		}
	}
	return tests
}
