package session_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/api.txt")

// TestAPI compares the exported names of all released modules with a golden file, so
// that every change of the API shows in the diff. "make generate" rewrites the file.
func TestAPI(t *testing.T) {
	const golden = "testdata/api.txt"
	var lines []string
	for _, p := range packages(t) {
		if !p.internal {
			lines = append(lines, p.api()...)
		}
	}
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for _, line := range lines {
		if !slices.Contains(want, line) {
			t.Errorf("new: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(lines, line) {
			t.Errorf("gone: %s", line)
		}
	}
	if t.Failed() {
		t.Logf("if that is meant, run make generate")
	} else if got != string(data) {
		t.Errorf("%s is not as it would be written; run make generate", golden)
	}
}

// TestEverythingIsDocumented covers internal packages too, except for their fields.
func TestEverythingIsDocumented(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.undocumented() {
			t.Errorf("%s: %s has no comment", p.path, name)
		}
	}
}

// A pkg is a package of a released module, as go/doc sees it.
type pkg struct {
	*doc.Package
	path     string
	internal bool // an internal package or a command
	fset     *token.FileSet
}

// packages returns the packages of every released module, sorted by import path within
// a module, as built for Linux, so that the golden file does not depend on the system.
func packages(t *testing.T) []pkg {
	t.Helper()
	data, err := os.ReadFile("modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	linux := build.Default
	linux.GOOS, linux.GOARCH, linux.CgoEnabled = "linux", "amd64", true
	var all []pkg
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != "released" {
			continue
		}
		for _, dir := range packageDirs(t, fields[0]) {
			p := pkg{path: path.Join(modulePath, dir), fset: token.NewFileSet()}
			var files []*ast.File
			for _, name := range goFiles(t, dir) {
				if match, err := linux.MatchFile(dir, filepath.Base(name)); err != nil {
					t.Fatal(err)
				} else if !match || strings.HasSuffix(name, "_test.go") {
					continue
				}
				f, err := parser.ParseFile(p.fset, name, nil, parser.ParseComments)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			if len(files) == 0 { // only tests
				continue
			}
			if p.Package, err = doc.NewFromFiles(p.fset, files, p.path); err != nil {
				t.Fatal(err)
			}
			p.internal = p.Name == "main" || strings.Contains(p.path+"/", "/internal/")
			all = append(all, p)
		}
	}
	return all
}

// api returns a sorted line for each exported name, field and method.
func (p pkg) api() []string {
	var lines []string
	add := func(format string, args ...any) {
		lines = append(lines, strings.TrimPrefix(p.path, "github.com/expanse-go/")+": "+fmt.Sprintf(format, args...))
	}
	p.values(func(kind string, spec *ast.ValueSpec, name, _ string) {
		if spec.Type != nil {
			name += " " + p.print(spec.Type)
		}
		add("%s %s", kind, name)
	})
	p.funcs(func(f *doc.Func) {
		decl := *f.Decl
		decl.Doc, decl.Body = nil, nil
		add("%s", p.print(&decl))
	})
	p.types(func(t *doc.Type, spec *ast.TypeSpec) {
		var members *ast.FieldList
		head := *spec
		head.Doc, head.Comment = nil, nil
		switch of := spec.Type.(type) {
		case *ast.StructType:
			members, head.Type = of.Fields, ast.NewIdent("struct")
		case *ast.InterfaceType:
			members, head.Type = of.Methods, ast.NewIdent("interface")
		}
		add("type %s", p.print(&head))
		for _, field := range fields(members) {
			text := p.member(field)
			if _, ok := spec.Type.(*ast.InterfaceType); ok {
				text = strings.Replace(text, " func(", "(", 1)
			}
			add("type %s, %s", t.Name, text)
		}
	})
	slices.Sort(lines)
	return lines
}

// undocumented returns the exported names without a comment. A comment on a group of
// constants, or on the first of several fields without a blank line between them,
// counts for all of them.
func (p pkg) undocumented() []string {
	var names []string
	if p.Doc == "" {
		names = append(names, "the package")
	}
	p.values(func(_ string, spec *ast.ValueSpec, name, group string) {
		if group == "" && spec.Doc == nil && spec.Comment == nil {
			names = append(names, name)
		}
	})
	p.funcs(func(f *doc.Func) {
		if f.Doc == "" {
			names = append(names, strings.TrimPrefix(f.Recv+"."+f.Name, "."))
		}
	})
	p.types(func(t *doc.Type, spec *ast.TypeSpec) {
		if t.Doc == "" {
			names = append(names, t.Name)
		}
		explained, last := false, 0
		for _, field := range fields(membersOf(spec)) {
			start := p.fset.Position(field.Pos()).Line
			adjacent := start == last+1
			explained = field.Doc != nil || field.Comment != nil || (explained && adjacent) || len(field.Names) == 0
			last = p.fset.Position(field.End()).Line
			if !explained && !p.internal {
				names = append(names, t.Name+"."+p.member(field))
			}
		}
	})
	return names
}

func (p pkg) values(f func(kind string, spec *ast.ValueSpec, name, group string)) {
	all := slices.Concat(p.Consts, p.Vars)
	for _, t := range p.Types {
		all = slices.Concat(all, t.Consts, t.Vars)
	}
	for _, v := range all {
		for _, spec := range v.Decl.Specs {
			spec := spec.(*ast.ValueSpec)
			for _, name := range spec.Names {
				if name.IsExported() {
					f(v.Decl.Tok.String(), spec, name.Name, v.Doc)
				}
			}
		}
	}
}

func (p pkg) funcs(f func(*doc.Func)) {
	for _, fn := range p.Funcs {
		f(fn)
	}
	for _, t := range p.Types {
		for _, fn := range slices.Concat(t.Funcs, t.Methods) {
			f(fn)
		}
	}
}

func (p pkg) types(f func(*doc.Type, *ast.TypeSpec)) {
	for _, t := range p.Types {
		for _, spec := range t.Decl.Specs {
			if spec := spec.(*ast.TypeSpec); spec.Name.IsExported() {
				f(t, spec)
			}
		}
	}
}

func membersOf(spec *ast.TypeSpec) *ast.FieldList {
	switch of := spec.Type.(type) {
	case *ast.StructType:
		return of.Fields
	case *ast.InterfaceType:
		return of.Methods
	}
	return nil
}

// fields returns the exported fields. go/doc has removed the others, except for blank
// ones.
func fields(list *ast.FieldList) []*ast.Field {
	if list == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(list.List), func(f *ast.Field) bool {
		return len(f.Names) == 1 && !f.Names[0].IsExported()
	})
}

// member prints a field, such as "Idle, Absolute time.Duration". A method of an
// interface is a field of function type in the syntax tree.
func (p pkg) member(f *ast.Field) string {
	var names []string
	for _, name := range f.Names {
		names = append(names, name.Name)
	}
	return strings.TrimSpace(strings.Join(names, ", ") + " " + p.print(f.Type))
}

// print writes a node on one line.
func (p pkg) print(node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, p.fset, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

const modulePath = "github.com/expanse-go/session"

// TestDependencies keeps the root module free of dependencies, which users would see in
// their go.sum and in every advisory. An import of a nested module counts, because it brings
// the requirements of that module along. Only tests may import testing and the packages for
// tests: testing would add its flags to every program.
func TestDependencies(t *testing.T) {
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

	dirs := packageDirs(t, ".")
	for _, want := range []string{".", "filestore", "internal/storecheck", "memstore", "sessiontest", "sqlstore"} {
		if !slices.Contains(dirs, want) {
			t.Errorf("%s: no Go files, so nothing was checked", want)
		}
	}
	forTests := []string{"sessiontest", "sessiontest/adaptertest", "internal/interleavings", "internal/pagemodel", "internal/readercheck", "internal/testserver", "internal/watchcheck"}
	for _, dir := range dirs {
		for _, file := range goFiles(t, dir) {
			test := slices.Contains(forTests, dir) || strings.HasSuffix(file, "_test.go")
			for _, imported := range imports(t, file) {
				first, _, _ := strings.Cut(imported, "/")
				ours := strings.TrimPrefix(strings.TrimPrefix(imported, modulePath), "/")
				switch {
				case strings.Contains(first, ".") && !slices.Contains(dirs, cmp.Or(ours, ".")):
					t.Errorf("%s imports %s, which is neither in the standard library nor in the root module", file, imported)
				case !test && (first == "testing" || imported == "net/http/httptest" || slices.Contains(forTests, ours)):
					t.Errorf("%s imports %s: only tests may", file, imported)
				}
			}
		}
	}
}

// packageDirs returns the folders with Go files of the module in root, sorted, with
// slashes. It leaves out nested modules.
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

// TestReadmeProgram builds the first program of the README as it is.
func TestReadmeProgram(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```go\n")
	program, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 || !strings.HasPrefix(program, "package main") {
		t.Fatal("README.md does not begin with a program")
	}
	if n := strings.Count(string(text), "\n"); n >= 150 {
		t.Errorf("README.md has %d lines; keep it under 150", n)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "program"), file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
