package session_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/expanse-go/session"

// Users of the library see its dependencies in their own go.sum and in every
// advisory. There are none, and this keeps it so.
func TestRootRequiresNothing(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		switch word, _, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "module", "go", "":
		default:
			t.Errorf("go.mod: %q: want module and go lines only; foreign packages belong in nested modules", strings.TrimSpace(line))
		}
	}
	if _, err := os.Stat("go.sum"); err == nil {
		t.Error("go.sum exists: a module without requirements has none")
	}
}

// An import of a nested module would be as bad as a foreign one: it brings that
// module's requirements along.
func TestRootImportsStandardLibraryOnly(t *testing.T) {
	dirs := packageDirs(t, ".")
	for _, want := range []string{".", "filestore", "internal/storecheck", "memstore", "sessiontest", "sqlstore"} {
		if len(goFiles(t, want)) == 0 {
			t.Errorf("%s: no Go files, so nothing was checked", want)
		}
	}
	ours := make(map[string]bool)
	for _, dir := range dirs {
		ours[path.Join(modulePath, dir)] = true
	}
	for _, dir := range dirs {
		for _, file := range goFiles(t, dir) {
			for _, imported := range imports(t, file) {
				first, _, _ := strings.Cut(imported, "/")
				if strings.Contains(first, ".") && !ours[imported] {
					t.Errorf("%s imports %s, which is neither in the standard library nor in the root module", file, imported)
				}
			}
		}
	}
}

// A library that links testing gives every program the -test.* machinery. So packages
// that exist for tests are imported by tests only.
func TestProductionDoesNotLinkTesting(t *testing.T) {
	forTests := []string{"sessiontest", "internal/interleavings", "internal/pagemodel"}
	for _, dir := range packageDirs(t, ".") {
		if slices.Contains(forTests, dir) {
			continue
		}
		for _, file := range goFiles(t, dir) {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, imported := range imports(t, file) {
				ours := strings.TrimPrefix(imported, modulePath+"/")
				if imported == "testing" || strings.HasPrefix(imported, "testing/") || imported == "net/http/httptest" || slices.Contains(forTests, ours) {
					t.Errorf("%s imports %s: only tests may", file, imported)
				}
			}
		}
	}
}

// packageDirs returns the folders with Go files of the module in root, sorted, with
// slashes, and without those of modules nested in it.
func packageDirs(t *testing.T, root string) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if base := d.Name(); name != root {
			if base == "testdata" || base == "dist" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
		}
		if len(goFiles(t, name)) > 0 {
			dirs = append(dirs, filepath.ToSlash(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}
