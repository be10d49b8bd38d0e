package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	root := t.TempDir()
	write(t, root, "go.mod", "module example.test/m\n\ngo 1.25.0\n")
	write(t, root, "fine/a_test.go", `package fine
import "testing"
func TestFine(t *testing.T) { t.Run("sub", func(t *testing.T) {}) }
func TestSkipped(t *testing.T) { t.Skip("no server") }
`)
	write(t, root, "wrong/a_test.go", `package wrong
import "testing"
func TestWrong(t *testing.T) { t.Log("got 1, want 2"); t.Fail() }
func TestRight(t *testing.T) { t.Log("silence") }
`)
	write(t, root, "panics/a_test.go", `package panics
import "testing"
func TestPanics(t *testing.T) { panic("oh dear") }
`)
	write(t, root, "broken/a_test.go", "package broken\nvar x int = \"text\"\n")
	write(t, root, "empty/a.go", "package empty\n")

	// Go runs tools for a folder below root; "..." are the packages of this module.
	r := &repo{root: root}
	c := r.goCmd(t.Context(), ".", nil, "test", "-json", "./...")
	c.Stdout, c.Stderr = nil, nil
	events, err := c.Output()
	if err == nil {
		t.Fatal("go test found nothing wrong")
	}
	var out strings.Builder
	rep := newReport(&out)
	if err := rep.read(strings.NewReader(string(events))); err != nil {
		t.Fatal(err)
	}
	rep.close()
	got := out.String()
	for _, want := range []string{
		"ok  \texample.test/m/fine\t", "got 1, want 2", "--- FAIL: example.test/m/wrong TestWrong\n", "FAIL\texample.test/m/wrong\t",
		"panic: oh dear", "FAIL\texample.test/m/panics\t", "cannot use \"text\"", "FAIL\texample.test/m/broken [build failed]",
		"?   \texample.test/m/empty\t[no test files]", "--- SKIP: example.test/m/fine TestSkipped\n", "no server",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, unwanted := range []string{"silence", "=== RUN"} {
		if strings.Contains(got, unwanted) {
			t.Errorf("the report has %q", unwanted)
		}
	}
	if want := "\n3 passed, 2 failed, 1 skipped\n"; !strings.HasSuffix(got, want) {
		t.Errorf("the last line is not %q", want)
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestReportOfGarbage(t *testing.T) {
	if err := newReport(&strings.Builder{}).read(strings.NewReader("not JSON")); err == nil {
		t.Error("got no error")
	}
}

// In CI a skipped test is a failure, elsewhere not; a run of no tests is always one.
func TestGoTestAndSkips(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	r := fixtureRepo(t)
	t.Setenv("CI", "")
	if err := r.goTest(t.Context(), nil); err == nil {
		t.Error("got no error although no test ran")
	}
	write(t, r.root, "lib_test.go", `package lib
import ("os"; "testing")
func TestServer(t *testing.T) { if os.Getenv("SERVER") == "" { t.Skip("no server") } }
func TestAnswer(t *testing.T) {}
`)
	if err := r.goTest(t.Context(), nil); err != nil {
		t.Errorf("a skip outside CI: %v", err)
	}
	t.Setenv("CI", "true")
	if err := r.goTest(t.Context(), nil); err == nil {
		t.Error("got no error for a skip in CI")
	}
	if err := r.goTest(t.Context(), []string{"SERVER=here"}); err != nil {
		t.Errorf("nothing skipped: %v", err)
	}
}

func TestCoverage(t *testing.T) {
	profile := `mode: set
m/a/x.go:1.1,2.2 3 1
m/a/x.go:3.1,4.2 1 0
m/b/y.go:1.1,2.2 5 0
m/a/x.go:1.1,2.2 3 0
m/b/y.go:1.1,2.2 5 7
`
	got, err := coverage(bufio.NewScanner(strings.NewReader(profile)))
	if err != nil {
		t.Fatal(err)
	}
	if got["m/a"] != (count{4, 3}) || got["m/b"] != (count{5, 5}) {
		t.Errorf("got %v, want m/a 3 of 4 and m/b 5 of 5", got)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"nonsense"}, {"servers"}, {"release", "--nonsense"}} {
		if err := run(t.Context(), args); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
	var out strings.Builder
	usage(&out)
	for _, c := range commands() {
		if !strings.Contains(out.String(), "\n  "+c.name+" ") {
			t.Errorf("the usage text lacks %s", c.name)
		}
	}
	// The Makefile promises commands; a typo there shows only when someone runs it.
	data, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		promised, ok := strings.CutPrefix(strings.TrimSpace(line), "$(TOOLS) ")
		name, _, _ := strings.Cut(promised, " ")
		if ok && !strings.Contains(out.String(), "\n  "+name+" ") {
			t.Errorf("Makefile: %s is no command", name)
		}
	}
}
