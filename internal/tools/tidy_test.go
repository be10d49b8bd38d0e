package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTidyRequiresAndLeavesNoReplace(t *testing.T) {
	r := fixtureRepo(t)
	got := read(t, r.root, "sub/go.mod")
	if want := "module example.test/lib/sub\n\ngo 1.25.0\n\nrequire example.test/lib v0.1.0\n"; got != want {
		t.Errorf("sub/go.mod is\n%swant\n%s", got, want)
	}
	if exists(r.root + "/sub/go.sum") {
		t.Error("sub/go.sum exists, want none: nothing foreign is required")
	}
}

func TestTidyOnlyTheNamed(t *testing.T) {
	root := fixture(t)
	r, err := openRepo(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.tidy(t.Context(), r.modules[2]); err != nil {
		t.Fatal(err)
	}
	if got := read(t, root, "sub/go.mod"); strings.Contains(got, "require") {
		t.Errorf("sub/go.mod was tidied too:\n%s", got)
	}
	if err := runTidy(t.Context(), r, []string{"elsewhere"}); err == nil {
		t.Error("got no error for a folder that is no module")
	}
}

func TestFailedTidyChangesNothing(t *testing.T) {
	r := fixtureRepo(t)
	before := read(t, r.root, "sub/go.mod")
	stop := errors.New("stop")
	err := r.withReplaces(r.modules[1], func(file string) error {
		if !strings.Contains(read(t, "/", file), "replace") {
			t.Error("the copy has no replace")
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want the error of the command", err)
	}
	if got := read(t, r.root, "sub/go.mod"); got != before {
		t.Errorf("go.mod changed to\n%s", got)
	}
}

func TestIsolateFindsWhatOnlyTheWorkspaceSupplies(t *testing.T) {
	r := fixtureRepo(t)
	if err := runIsolate(t.Context(), r, nil); err != nil {
		t.Fatalf("a tidy checkout: %v", err)
	}
	write(t, r.root, "sub/go.mod", "module example.test/lib/sub\n\ngo 1.25.0\n")
	if err := runIsolate(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "tidy sub") {
		t.Errorf("got %v, want an error that says to tidy sub", err)
	}
	if exists(r.root + "/sub/sub") {
		t.Error("a binary was left behind")
	}
}

func TestBump(t *testing.T) {
	r := fixtureRepo(t)
	for _, bad := range []string{"0.2.0", "v1", "next", "v0.2.0+meta"} {
		if err := runBump(t.Context(), r, []string{bad}); !errors.Is(err, errUsage) {
			t.Errorf("bump %s: got %v, want a usage error", bad, err)
		}
	}
	if err := runBump(t.Context(), r, []string{"v0.2.0"}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r.root, "sub/go.mod"); !strings.Contains(got, "require example.test/lib v0.2.0\n") {
		t.Errorf("sub/go.mod is\n%s", got)
	}
	work := read(t, r.root, "go.work")
	if strings.Contains(work, "v0.1.0") || !strings.Contains(work, "// kept") {
		t.Errorf("go.work is\n%s", work)
	}
	r, err := openRepo(r.root)
	if err != nil {
		t.Fatal(err)
	}
	if r.version != "v0.2.0" {
		t.Errorf("version %s, want v0.2.0", r.version)
	}
	if err := runTidy(t.Context(), r, nil); err != nil {
		t.Errorf("tidy after bump: %v", err)
	}
}

// TestField32TestsHaveTime checks that every way to run tests, also with coverage, leaves room
// for a slow machine, and that a caller can still choose another limit.
func TestField32TestsHaveTime(t *testing.T) {
	r := &repo{root: t.TempDir()}
	for _, c := range []struct{ args, want []string }{
		{[]string{"test", "work"}, []string{"go", "test", "-timeout=45m", "work"}},
		{[]string{"test", "-timeout=2s", "work"}, []string{"go", "test", "-timeout=45m", "-timeout=2s", "work"}}, // the last one counts
		{[]string{"vet", "work"}, []string{"go", "vet", "work"}},
	} {
		if got := r.goCmd(t.Context(), ".", nil, c.args...).Args; !slices.Equal(got, c.want) {
			t.Errorf("%q runs %q, want %q", c.args, got, c.want)
		}
	}
}
