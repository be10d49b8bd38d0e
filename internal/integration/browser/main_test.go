package browser

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What every test needs: the two programs. Both are absolute paths. If there is
// no browser, missing says so.
var (
	chromium, beam string
	missing        error
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if chromium, missing = findChromium(); missing != nil {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "session-browser-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	beam = filepath.Join(dir, "beam")
	build := exec.Command("go", "build", "-o", beam, "github.com/expanse-go/session/cmd/beam")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("go build of beam: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func findChromium() (string, error) {
	name := cmp.Or(os.Getenv("SESSION_TEST_CHROMIUM"), "chromium")
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no browser to test with: %w", err)
	}
	return filepath.Abs(path)
}

// need skips a test for want of a browser. A build server must have one: there,
// a test that did not run would count as passed.
func need(t *testing.T) {
	t.Helper()
	switch {
	case missing == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(missing)
	default:
		t.Skipf("%v: install chromium (make test does it), or name another in SESSION_TEST_CHROMIUM", missing)
	}
}
