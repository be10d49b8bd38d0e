package sessionvet_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/go/analysis/passes/inspect"

	"github.com/expanse-go/session/sessionvet"
)

// TestAnalyzers runs each analyzer on the package of its name in testdata, where comments say
// what is reported, and that nothing else is. All are in one run, because loading what the
// packages import takes most of the time.
func TestAnalyzers(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]*analysis.Analyzer)
	var folders []string
	for _, a := range sessionvet.Analyzers() {
		byName[a.Name] = a
		folders = append(folders, "./"+a.Name)
	}
	ran := make(map[string]bool)
	one := &analysis.Analyzer{
		Name: "one", Doc: "runs the analyzer of the package's name", Requires: []*analysis.Analyzer{inspect.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			if a := byName[pass.Pkg.Name()]; a != nil {
				return a.Run(pass)
			}
			return nil, nil // the main package of a test
		},
	}
	for _, r := range analysistest.Run(t, dir, one, folders...) {
		if len(r.Diagnostics) > 0 {
			ran[r.Pass.Pkg.Name()] = true
		}
	}
	for name := range byName {
		if !ran[name] {
			t.Errorf("%s has reported nothing", name)
		}
	}
}

// TestDocs checks what "sessionvet help" and golangci-lint show.
func TestDocs(t *testing.T) {
	t.Parallel()
	if err := analysis.Validate(sessionvet.Analyzers()); err != nil {
		t.Error(err)
	}
	page, err := os.ReadFile("../docs/mistakes.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range sessionvet.Analyzers() {
		names = append(names, a.Name)
		if title, _, _ := strings.Cut(a.Doc, "\n"); !strings.HasPrefix(title, "reports ") || strings.Contains(a.Doc, "Package ") {
			t.Errorf("%s: the documentation begins with %q", a.Name, title)
		}
		if !strings.HasSuffix(a.URL, "/sessionvet/"+a.Name) {
			t.Errorf("%s: URL %s", a.Name, a.URL)
		}
		if !strings.Contains(string(page), "`"+a.Name+"`") {
			t.Errorf("docs/mistakes.md does not mention %s", a.Name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("the analyzers are not sorted: %q", names)
	}
}
