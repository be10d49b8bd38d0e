package recipes_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sources are the folders and files of the programs that a section of docs/frameworks.md quotes.
var sources = map[string][]string{
	"chi":      {"chi"},
	"connect":  {"connect1", "connect2"},
	"Fiber":    {"fiber", "../../sessionfiber/example"},
	"gRPC":     {"grpc"},
	"htmx":     {"htmx"},
	"Huma":     {"huma"},
	"net/http": {"nethttp", "../../example_serve_test.go"},
	"templ":    {"templ"},
}

// TestFrameworks checks that all programs in the sections of docs/frameworks.md are parts of
// files that are compiled.
func TestFrameworks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, folders := range sources {
		_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
		if !found {
			t.Errorf("docs/frameworks.md has no section %q", heading)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		code, n := unindent(sourceOf(t, folders)), 0
		for _, language := range []string{"go", "templ"} {
			for _, block := range strings.Split(section, "```"+language+"\n")[1:] {
				block, _, _ = strings.Cut(block, "```")
				if n++; !strings.Contains(code, unindent(block)) {
					t.Errorf("section %q: no file in %v has\n%s", heading, folders, block)
				}
			}
		}
		if n == 0 {
			t.Errorf("section %q has no program", heading)
		}
	}
}

// sourceOf returns the text of all files in some folders.
func sourceOf(t *testing.T, folders []string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// unindent removes the tabs at the beginning of each line, of which a page has fewer.
func unindent(code string) string {
	lines := strings.Split(code, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "\n")
}
