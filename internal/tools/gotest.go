package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gotest.tools/gotestsum/testjson"
)

// goTest runs "go test" with the arguments and prints a line for each package as it
// ends. At the end come the sections (the skipped and the failed tests, build errors)
// and a line with the counts. In CI, a skipped test is a failure: something that the
// test needs is missing.
func (r *repo) goTest(ctx context.Context, out io.Writer, sections testjson.Summary, env []string, args ...string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := r.goCmd(ctx, ".", env, append([]string{"test", "-json"}, args...)...)
	c.Stdout, c.Stderr = nil, nil
	stdout, err1 := c.StdoutPipe()
	stderr, err2 := c.StderrPipe()
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	handler := progress{testjson.NewEventFormatter(out, "pkgname", testjson.FormatOptions{HideEmptyPackages: true})}
	results, err := testjson.ScanTestOutput(testjson.ScanConfig{Stdout: stdout, Stderr: stderr, Handler: handler, Stop: cancel})
	err = errors.Join(err, c.Wait())

	skipped, failed := len(results.Skipped()), len(results.Failed())
	switch {
	case err != nil:
		err = fmt.Errorf("go test: %w", err)
	case results.Total() == skipped:
		err = errors.New("no test ran")
	case skipped > 0 && os.Getenv("CI") != "":
		err = errors.New("tests were skipped, which CI does not accept")
	}
	if err != nil && failed == 0 && len(results.Errors()) == 0 {
		// Without this, the counts would not show that anything is wrong.
		_, scanErr := testjson.ScanTestOutput(testjson.ScanConfig{
			Execution: results, Stdout: strings.NewReader(""), Stderr: strings.NewReader(err.Error()),
		})
		err = errors.Join(err, scanErr)
	}
	testjson.PrintSummary(out, results, sections)
	return err
}

// progress prints events. Error output waits for the summary.
type progress struct{ testjson.EventFormatter }

func (p progress) Event(e testjson.TestEvent, x *testjson.Execution) error { return p.Format(e, x) }
func (progress) Err(string) error                                          { return nil }
