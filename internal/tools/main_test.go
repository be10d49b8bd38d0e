package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
