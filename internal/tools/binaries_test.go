package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"testing"
)

// Two people who build the same tree, in different folders and on different days, get the same
// binaries.
func TestBinariesAreReproducible(t *testing.T) {
	var outs []string
	for _, day := range []string{"2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"} {
		r := fixtureRepo(t)
		t.Setenv("GIT_COMMITTER_DATE", day)
		git(t, r.root, "commit", "--quiet", "--allow-empty", "--message=later")
		out := t.TempDir()
		if err := r.binaries(t.Context(), r.modules[1], out, []string{"linux/amd64", "windows/amd64"}); err != nil {
			t.Fatal(err)
		}
		outs = append(outs, out)
	}
	for _, name := range []string{"sub_v0.1.0_linux_amd64", "sub_v0.1.0_windows_amd64.exe", "SHA256SUMS"} {
		one, err := os.ReadFile(filepath.Join(outs[0], name))
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(filepath.Join(outs[1], name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one, two) {
			t.Errorf("%s differs", name)
		}
	}
	info, err := buildinfo.ReadFile(filepath.Join(outs[0], "sub_v0.1.0_linux_amd64"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Main.Version != "v0.1.0" {
		t.Errorf("the binary says version %q, want that of the release", info.Main.Version)
	}
}

func TestBinariesNeedATarget(t *testing.T) {
	r := fixtureRepo(t)
	if err := r.binaries(t.Context(), r.modules[1], t.TempDir(), []string{"linux"}); err == nil {
		t.Error("got no error for a target without an architecture")
	}
	if err := runBinaries(t.Context(), r, nil); err == nil {
		t.Error("got no error without a module cmd/beam")
	}
}
