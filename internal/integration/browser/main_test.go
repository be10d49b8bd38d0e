package browser

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The absolute paths of the two programs that every test needs. If there is no browser,
// missing is the reason.
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

// need skips the test if there is no browser, or fails it in CI, where a skipped test
// would count as passed.
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
