package session_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestFloors keeps the root package in layers. DESIGN.md lists its files, the lowest
// first, and each file uses only names that are declared in files above it in the list.
// So the package can be read from top to bottom, and a change can affect only the files
// that follow.
func TestFloors(t *testing.T) {
	t.Parallel()
	floors := floorsOf(t)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	sources := make(map[string]string)
	for _, f := range files {
		if name := f.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name != "doc.go" {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources[name] = string(text)
			if !slices.Contains(floors, name) {
				t.Errorf("%s is not in the file map of DESIGN.md", name)
			}
		}
	}
	for _, name := range floors {
		if sources[name] == "" {
			t.Errorf("DESIGN.md lists %s, which does not exist", name)
		}
	}
	if t.Failed() {
		return
	}
	for _, fault := range usesFromAbove(t, importer.ForCompiler(token.NewFileSet(), "source", nil), floors, sources) {
		t.Error(fault)
	}
}

// TestWhereToFindIt checks that the functions that DESIGN.md names are in the files that it
// names.
func TestWhereToFindIt(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### Where to find it")
	section, _, _ = strings.Cut(section, "\n#")
	places := regexp.MustCompile("((?:`\\w+`(?:,? and(?: then)? |, )?)+) in `([\\w/]+\\.go)`").FindAllStringSubmatch(section, -1)
	if len(places) < 20 {
		t.Fatalf("DESIGN.md names %d places", len(places))
	}
	for _, place := range places {
		source, err := os.ReadFile(place[2])
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range regexp.MustCompile(`\w+`+"`").FindAllString(place[1], -1) {
			name = strings.TrimSuffix(name, "`")
			if !regexp.MustCompile(`(?m)^func (\([^)]*\) )?` + name + `\b`).Match(source) {
				t.Errorf("DESIGN.md: %s has no function %s", place[2], name)
			}
		}
	}
}

// TestFloorsFindsAFault checks that TestFloors finds every way to use a name from a
// later file.
func TestFloorsFindsAFault(t *testing.T) {
	t.Parallel()
	for _, use := range []string{
		"func f() { g() }",
		"func f(u upper) { _ = u.field }",
		"func f(l *lower) { l.method() }",
		"var x = constant",
	} {
		faults := usesFromAbove(t, nil, []string{"low.go", "high.go"}, map[string]string{
			"low.go":  "package p; type lower struct{}; " + use,
			"high.go": "package p; func g() {}; type upper struct { field int }; func (*lower) method() {}; const constant = 1",
		})
		if len(faults) == 0 {
			t.Errorf("%s: no fault was found", use)
		}
	}
}

// floorsOf returns the files of the root package in the order of DESIGN.md.
func floorsOf(t *testing.T) (floors []string) {
	t.Helper()
	text, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "### The root package")
	section, _, _ = strings.Cut(section, "\n#")
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+\\.go)`").FindAllStringSubmatch(section, -1) {
		floors = append(floors, row[1])
	}
	if len(floors) < 10 {
		t.Fatalf("DESIGN.md: the file map of the root package lists %d files", len(floors))
	}
	return floors
}

// usesFromAbove type-checks the files of a package and returns each use of a name that
// a later file declares.
func usesFromAbove(t *testing.T, imports types.Importer, floors []string, sources map[string]string) (faults []string) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range floors {
		f, err := parser.ParseFile(fset, name, sources[name], 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := types.Info{Uses: make(map[*ast.Ident]types.Object)}
	cfg := types.Config{Importer: imports}
	pkg, err := cfg.Check(modulePath, fset, files, &info)
	if err != nil {
		t.Fatal(err)
	}
	for ident, object := range info.Uses {
		if object.Pkg() != pkg {
			continue
		}
		from, to := fset.Position(ident.Pos()), fset.Position(object.Pos())
		if slices.Index(floors, from.Filename) < slices.Index(floors, to.Filename) {
			faults = append(faults, fmt.Sprintf("%s uses %s, which is declared in the later file %s", from, object.Name(), to.Filename))
		}
	}
	slices.Sort(faults)
	return faults
}
