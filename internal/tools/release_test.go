package main

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReleaseRefusesAndTags(t *testing.T) {
	r := fixtureRepo(t)
	write(t, r.root, "CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n")
	err := runRelease(t.Context(), r, nil)
	for _, want := range []string{"uncommitted", "no dated heading for v0.1.0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
	write(t, r.root, "CHANGELOG.md", "# Changelog\n\n## [0.1.0] - 2026-01-31\n")
	commit(t, r.root)
	if err := runRelease(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	tags, err := r.output(t.Context(), "git", "tag", "--list")
	if err != nil {
		t.Fatal(err)
	}
	if want := "sub/v0.1.0\nv0.1.0"; tags != want {
		t.Errorf("tags %q, want %q", tags, want)
	}
	if err := runRelease(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), "tag v0.1.0 exists") {
		t.Errorf("second time: got %v, want a refusal", err)
	}
}

func TestReleaseRefusesReplaceAndOtherVersions(t *testing.T) {
	r := fixtureRepo(t)
	write(t, r.root, "sub/go.mod", "module example.test/lib/sub\n\nrequire example.test/lib v0.0.9\n")
	if err := r.checkRequires(r.modules[1]); err == nil || !strings.Contains(err.Error(), "bump v0.1.0") {
		t.Errorf("got %v, want an error that says to bump", err)
	}
	write(t, r.root, "sub/go.mod", "module example.test/lib/sub\n\nreplace example.test/lib => ../\n")
	if err := r.checkRequires(r.modules[1]); err == nil || !strings.Contains(err.Error(), "replace") {
		t.Errorf("got %v, want an error about the replace", err)
	}
}

// The proxy is used as a stranger would: an empty module cache, no other source.
func TestProxyServesTheGoCommand(t *testing.T) {
	r := fixtureRepo(t)
	write(t, r.root, "new.go", "package lib\n") // not committed: the working tree counts
	dir := filepath.Join(t.TempDir(), "a proxy")
	if err := runRelease(t.Context(), r, []string{"--dry-run", "--out", dir}); err != nil {
		t.Fatal(err)
	}
	user := t.TempDir()
	c := exec.CommandContext(t.Context(), "go", "install", "-modcacherw", "example.test/lib/sub@latest")
	c.Dir = user
	c.Env = append(os.Environ(), "GOPROXY="+fileURL(dir), "GONOSUMDB=example.test/lib",
		"GOMODCACHE="+filepath.Join(user, "mod"), "GOBIN="+filepath.Join(user, "bin"), "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(user, "bin", "sub")).CombinedOutput()
	if err != nil || string(out) != "42\n" {
		t.Errorf("the installed program: got %q, %v, want 42", out, err)
	}

	for file, want := range map[string][]string{
		"example.test/lib/@v/v0.1.0.zip":     {".gitignore", "LICENSE", "go.mod", "go.work", "lib.go", "modules.txt", "new.go"},
		"example.test/lib/sub/@v/v0.1.0.zip": {"LICENSE", "go.mod", "sub.go"},
	} {
		if got := zipNames(t, filepath.Join(dir, file)); !slices.Equal(got, want) {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	if exists(dir + "/example.test/lib/sub/lab") {
		t.Error("an unreleased module is in the proxy")
	}
}

func TestProxyOfThisCheckout(t *testing.T) {
	r := checkout(t)
	dir := t.TempDir()
	if err := r.writeProxy(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	user := t.TempDir()
	args := []string{"mod", "download", "-modcacherw"}
	for _, m := range r.modules {
		if m.released {
			args = append(args, m.path+"@"+r.version)
		}
	}
	c := exec.CommandContext(t.Context(), "go", args...)
	c.Dir = user
	c.Env = append(os.Environ(), "GOPROXY="+fileURL(dir), "GONOSUMDB="+r.modules[0].path,
		"GOMODCACHE="+filepath.Join(user, "mod"), "GOFLAGS=", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
}

func zipNames(t *testing.T, file string) []string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "@v0.1.0/")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
