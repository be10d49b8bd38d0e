package respawn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Plain returns a program that does the same as the running test, without the race detector:
// the running one, or if that has the detector, another build of the package in the current
// folder, in a new folder that remove removes. Under the detector, a process takes several
// times the processor time. Use Plain for children that a test needs for what they do, such as
// servers, and not to find races in them. Call it in TestMain.
func Plain() (program string, remove func(), err error) {
	if !race {
		program, err = os.Executable()
		return program, func() {}, err
	}
	dir, err := os.MkdirTemp("", "plain-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	program = filepath.Join(dir, "plain.test")
	// Without the tables for debuggers, linking takes half as long.
	build := exec.Command("go", "test", "-c", "-race=false", "-cover=false", "-ldflags=-s -w", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("cannot build without the race detector: %w\n%s", err, out)
	}
	return program, remove, nil
}
