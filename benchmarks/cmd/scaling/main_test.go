package main

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	results := "-results=" + filepath.Join("..", "..", "results.json")
	var out strings.Builder
	if err := run([]string{results, "-sessions", "50000000", "-active", "0.05", "-cores", "4"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| memory | 50 million |", "| SQLite FULL | 50 million |", "| PostgreSQL | 50 million |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no row %q in:\n%s", want, out.String())
		}
	}
	for _, args := range [][]string{{"-sessions", "0"}, {"-writes", "2"}, {"-use", "0"}, {"-results", "missing.json"}} {
		if err := run(append([]string{results}, args...), &out); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
