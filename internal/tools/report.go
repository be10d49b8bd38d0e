package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A report turns the events of "go test -json" back into what "go test" prints: one
// line for a package that passed, the output of the tests that failed, and in
// addition every skipped test with its reason. (Plain "go test" hides skips.)
type report struct {
	out io.Writer

	passed, failed, skipped int

	output map[string][]string // :: package and test → lines, until the test has ended
	skips  []string
}

// An event is what "go doc test2json" describes, as far as it is used here.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

func newReport(out io.Writer) *report {
	return &report{out: out, output: make(map[string][]string)}
}

func (r *report) read(events io.Reader) error {
	for d := json.NewDecoder(events); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("go test -json: %w", err)
		}
		r.add(e)
	}
}

func (r *report) add(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		r.output[key] = append(r.output[key], e.Output)
	case "pass", "fail", "skip":
		lines := r.output[key]
		delete(r.output, key)
		if e.Test == "" {
			r.endPackage(e, lines)
		} else {
			r.endTest(e, lines)
		}
	}
}

func (r *report) endTest(e event, lines []string) {
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped++
		r.skips = append(r.skips, "--- SKIP: "+e.Package+" "+e.Test+"\n"+body(lines))
	case "fail":
		r.failed++
		fmt.Fprintf(r.out, "--- FAIL: %s %s\n%s", e.Package, e.Test, body(lines))
	}
}

// endPackage prints the closing line of a package. Of one that failed it prints all,
// and with it the output of tests that never ended: a panic or a time-out is there.
func (r *report) endPackage(e event, lines []string) {
	if e.Action == "fail" {
		for key, rest := range r.output {
			if strings.HasPrefix(key, e.Package+" ") {
				fmt.Fprint(r.out, strings.Join(rest, ""))
				delete(r.output, key)
			}
		}
		fmt.Fprint(r.out, strings.Join(lines, ""))
		return
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "? ") || strings.HasPrefix(line, "\t") {
			fmt.Fprint(r.out, line)
		}
	}
}

// close prints the skipped tests and the sum.
func (r *report) close() {
	for _, skip := range r.skips {
		fmt.Fprint(r.out, skip)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

// body drops the lines that only say where in the run a test stands.
func body(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(strings.TrimSpace(line), "--- ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
