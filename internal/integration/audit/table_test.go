package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../../.."

// groups are the groups of requirements, and how many each has.
var groups = map[string]int{"ID": 10, "CK": 14, "LC": 12, "RS": 6, "CS": 4, "ST": 8, "BX": 4}

var auditName = regexp.MustCompile(`^Test(ID|CK|LC|RS|CS|ST|BX)(\d+)`)

// requirementOf returns the requirement that a test is for, such as "ID-3", or "".
func requirementOf(test string) string {
	m := auditName.FindStringSubmatch(test)
	if m == nil {
		return ""
	}
	return m[1] + "-" + m[2]
}

// auditTests returns the tests of the whole repository whose name is that of an audit test, and
// their files.
func auditTests(t *testing.T) map[string]string {
	t.Helper()
	tests := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".cache" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && requirementOf(f.Name.Name) != "" {
				if before, twice := tests[f.Name.Name]; twice {
					t.Errorf("%s is in %s and in %s", f.Name.Name, before, path)
				}
				tests[f.Name.Name] = path
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// TestTable checks the audit in SECURITY.md: each row has a test that exists and is named after
// it, each test is in the table, and no requirement is left out, except those of the list below
// the table.
func TestTable(t *testing.T) {
	text := string(must(os.ReadFile(filepath.Join(root, "SECURITY.md")))(t))
	_, section, ok := strings.Cut(text, "\n## The audit\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !ok {
		t.Fatal("SECURITY.md has no section “The audit”")
	}
	tests := auditTests(t)
	listed := make(map[string]bool)
	rows := make(map[string]bool)
	for line := range strings.SplitSeq(section, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 2 || !regexp.MustCompile(`^ [A-Z]{2}-\d+ $`).MatchString(cells[1]) {
			continue
		}
		id := strings.TrimSpace(cells[1])
		if len(cells) != 7 {
			t.Errorf("%s has %d columns, want 5: requirement, text, test, default, source", id, len(cells)-2)
			continue
		}
		if rows[id] {
			t.Errorf("%s is in two rows", id)
		}
		rows[id] = true
		for _, cell := range cells[2:6] {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("%s has an empty column", id)
			}
		}
		names := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[3], -1)
		if len(names) == 0 {
			t.Errorf("%s has no test", id)
		}
		for _, name := range names {
			listed[name[1]] = true
			if tests[name[1]] == "" {
				t.Errorf("%s: the test %s does not exist", id, name[1])
			}
			if got := requirementOf(name[1]); got != id {
				t.Errorf("%s: the test %s is named after %q", id, name[1], got)
			}
		}
	}
	for _, test := range slices.Sorted(maps.Keys(tests)) {
		if !listed[test] {
			t.Errorf("%s in %s is in no row", test, tests[test])
		}
	}
	_, missing, _ := strings.Cut(section, "Not met:")
	for group, n := range groups {
		for i := 1; i <= n; i++ {
			id := group + "-" + strconv.Itoa(i)
			notMet := strings.Contains(missing, "\n- "+id+" ")
			if rows[id] == notMet {
				t.Errorf("%s is in the table: %v, in the list of what is not met: %v; want one of them", id, rows[id], notMet)
			}
			delete(rows, id)
		}
	}
	for id := range rows {
		t.Errorf("%s is no requirement", id)
	}
}
