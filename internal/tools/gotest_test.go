package main

import (
	"regexp"
	"strings"
	"testing"

	"gotest.tools/gotestsum/testjson"
)

// goTestOf runs goTest on a module of these files, and returns what it printed.
func goTestOf(t *testing.T, files map[string]string, args ...string) (string, error) {
	t.Helper()
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	root := t.TempDir()
	write(t, root, "go.mod", "module example.test/m\n\ngo 1.25.0\n")
	for name, text := range files {
		write(t, root, name, text)
	}
	var out strings.Builder
	err := (&repo{root: root}).goTest(t.Context(), &out, testjson.SummarizeAll, nil, append(args, "./...")...)
	t.Log(out.String())
	return out.String(), err
}

// test is a file of a package x with one test function.
func test(body string) string {
	return "package x\n\nimport (\n\t\"os\"\n\t\"testing\"\n\t\"time\"\n)\n\nvar _, _ = os.Args, time.Now\n\nfunc TestX(t *testing.T) { " + body + " }\n"
}

// However a package ends, the error and the last line say what happened.
func TestGoTest(t *testing.T) {
	const fine = "t.Run(\"sub\", func(t *testing.T) { t.Log(\"silence\") })"
	for name, c := range map[string]struct {
		file  string
		ci    string
		fails bool
		want  string // in the output
		done  string // the counts of the last line; another package adds 2 tests
	}{
		"pass":               {test(`t.Log("silence")`), "true", false, "✓  example.test/m/x (", "3 tests"},
		"fail":               {test(`t.Error("got 1, want 2")`), "", true, "got 1, want 2", "3 tests, 1 failure"},
		"panic":              {test(`panic("oh dear")`), "", true, "panic: oh dear", "3 tests, 1 failure"},
		"panic in goroutine": {test(`go panic("oh dear"); time.Sleep(time.Minute)`), "", true, "panic: oh dear", "3 tests, 1 failure"},
		"exit":               {test(`os.Exit(3)`), "", true, "=== FAIL: example.test/m/x TestX (unknown)", "3 tests, 1 failure"},
		"exit 0":             {test(`os.Exit(0)`), "", true, "unexpected call to os.Exit(0)", "3 tests, 1 failure"},
		"timeout":            {test(`time.Sleep(time.Minute)`), "", true, "panic: test timed out after 2s", "3 tests, 2 failures"},
		"exit in init":       {test(``) + "func init() { os.Exit(3) }\n", "", true, "=== FAIL: example.test/m/x  (", "2 tests, 1 failure"},
		"exit in TestMain":   {test(``) + "func TestMain(m *testing.M) { m.Run(); os.Exit(3) }\n", "", true, "=== FAIL: example.test/m/x  (", "3 tests, 1 failure"},
		"does not build":     {test(`var x int = "text"; _ = x`), "", true, `cannot use "text"`, "2 tests, 1 failure, 1 error"},
		"does not parse":     {"package x\n\nfunc {", "", true, "expected 'IDENT'", "2 tests, 1 failure, 1 error"},
		"does not vet":       {test(`t.Errorf("%d", "text")`), "", true, "has arg \"text\" of wrong type", "2 tests, 1 failure, 1 error"},
		"missing import":     {"package x\n\nimport _ \"example.test/nowhere\"\n", "", true, "no required module provides", "2 tests, 1 failure, 1 error"},
		"skip":               {test(`t.Skip("no server")`), "", false, "no server", "3 tests, 1 skipped"},
		"skip in CI":         {test(`t.Skip("no server")`), "true", true, "no server", "3 tests, 1 skipped, 1 error"},
		"no test file":       {"", "true", false, "", "2 tests"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CI", c.ci)
			files := map[string]string{"fine/fine_test.go": test(fine), "x/x.go": "package x\n"}
			if c.file != "" {
				files["x/x_test.go"] = c.file
			}
			got, err := goTestOf(t, files, "-timeout=2s")
			if (err != nil) != c.fails {
				t.Errorf("got error %v, want an error: %t", err, c.fails)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("the output lacks %q", c.want)
			}
			if done := regexp.MustCompile(`\nDONE (.*) in \d+\.\d+s\n$`).FindStringSubmatch(got); done == nil || done[1] != c.done {
				t.Errorf("the last line has %q, want %q", done, c.done)
			}
			for _, unwanted := range []string{"silence", "=== RUN"} {
				if strings.Contains(got, unwanted) {
					t.Errorf("the output has %q", unwanted)
				}
			}
		})
	}
}

// A run of no tests is an error, and so is a go command that could not begin. The last
// line shows both.
func TestGoTestOfNothing(t *testing.T) {
	for name, args := range map[string][]string{
		"no test":      {"-run=^TestNowhere$"},
		"unknown flag": {"-nonsense"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := goTestOf(t, map[string]string{"x/x_test.go": test("")}, args...)
			if err == nil {
				t.Error("got no error")
			}
			if !regexp.MustCompile(`\nDONE 0 tests, .*\d (error|failure)s? in \d+\.\d+s\n$`).MatchString(got) {
				t.Error("the last line shows no error")
			}
		})
	}
}
