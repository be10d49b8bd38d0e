package main

import (
	"slices"
	"strings"
	"testing"
)

func TestFuzzTests(t *testing.T) {
	got := fuzzTests("FuzzA\nFuzzB\nok  \texample.test/a\t0.01s\n?   \texample.test/b\t[no test files]\nok  \texample.test/c\t0.01s\nFuzzC\nok  \texample.test/d\t0.01s\n")
	want := []fuzzTest{{"example.test/a", "FuzzA"}, {"example.test/a", "FuzzB"}, {"example.test/d", "FuzzC"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFuzz(t *testing.T) {
	t.Setenv("GOFLAGS", "")
	r := fixtureRepo(t)
	if err := runFuzz(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "no module has a fuzz test") {
		t.Errorf("got %v, want an error: there is nothing to fuzz", err)
	}
	fuzzer := "package lib\n\nimport \"testing\"\n\nfunc FuzzLib(f *testing.F) {\n\tf.Fuzz(func(t *testing.T, b bool) {BODY})\n}\n"
	write(t, r.root, "lib_test.go", strings.Replace(fuzzer, "BODY", "", 1))
	if err := runFuzz(t.Context(), r, []string{"-t", "10x"}); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
	write(t, r.root, "lib_test.go", strings.Replace(fuzzer, "BODY", ` t.Error("wrong") `, 1))
	if err := runFuzz(t.Context(), r, []string{"-t", "10x"}); err == nil || !strings.Contains(err.Error(), "example.test/lib FuzzLib") {
		t.Errorf("got %v, want an error of FuzzLib", err)
	}
}
