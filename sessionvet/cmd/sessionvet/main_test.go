package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVet runs the command as a tool of go vet.
func TestVet(t *testing.T) {
	t.Parallel()
	tool := filepath.Join(t.TempDir(), "sessionvet.exe")
	run := func(dir, name string, args ...string) (string, error) {
		c := exec.CommandContext(t.Context(), name, args...)
		c.Dir = dir
		c.Env = os.Environ()
		if dir != "." {
			c.Env = append(c.Env, "GOWORK=off")
		}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run(".", "go", "build", "-o", tool, "."); err != nil {
		t.Fatal(err, out)
	}
	const dir, want = "../../testdata", "ignorederror.go:17:5: the error of From is ignored"
	if out, err := run(dir, "go", "vet", "-vettool="+tool, "./ignorederror"); err == nil || !strings.Contains(out, want) {
		t.Errorf("%v, want %q in:\n%s", err, want, out)
	}
	if out, err := run(dir, "go", "vet", "-vettool="+tool, "-latewrite", "./ignorederror"); err != nil {
		t.Errorf("with another analyzer alone: %v\n%s", err, out)
	}
}
