package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fixture makes a checkout with the shape of ours and no foreign imports: a root, a
// released module that imports it but does not require it yet, and one that is never
// released. The go command is kept off the network, to prove that nothing is fetched.
func fixture(t *testing.T) string {
	t.Helper()
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "")
	root := t.TempDir()
	write(t, root, "modules.txt", ".  released\nsub  released\nsub/lab  unreleased # nested\n")
	write(t, root, "go.work", "go 1.26.0\n\nuse (\n\t.\n\t./sub\n\t./sub/lab\n)\n\nreplace (\n\t// kept\n"+
		"\texample.test/lib v0.1.0 => ./\n\texample.test/lib/sub v0.1.0 => ./sub\n)\n")
	write(t, root, "go.mod", "module example.test/lib\n\ngo 1.25.0\n")
	write(t, root, "lib.go", "package lib\n\nconst Answer = 42\n")
	write(t, root, "LICENSE", "do as you like\n")
	write(t, root, ".gitignore", "/.cache/\n")
	write(t, root, ".cache/big", "not for users\n")
	write(t, root, "sub/go.mod", "module example.test/lib/sub\n\ngo 1.25.0\n")
	write(t, root, "sub/sub.go", "package main\n\nimport \"example.test/lib\"\n\nfunc main() { println(lib.Answer) }\n")
	write(t, root, "sub/lab/go.mod", "module example.test/lib/sub/lab\n\ngo 1.25.0\n")
	write(t, root, "sub/lab/lab.go", "package lab\n")
	return root
}

// fixtureRepo is fixture, committed and tidied.
func fixtureRepo(t *testing.T) *repo {
	t.Helper()
	root := fixture(t)
	r, err := openRepo(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := runTidy(t.Context(), r, nil); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(variable, "test")
	}
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	git(t, root, "init", "--quiet")
	commit(t, root)
	return r
}

func commit(t *testing.T, root string) {
	t.Helper()
	git(t, root, "add", ".")
	git(t, root, "commit", "--quiet", "--message=state")
}

func git(t *testing.T, root string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", args...)
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	name = filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
