package session_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// quoted are the folders whose files the pages quote without a link. Other code has to be in a
// file to which its section links.
var quoted = []string{"internal/docs", "internal/integration/docs", "internal/migratetest/guides"}

// TestDocs checks that the code in docs compiles: each block of Go or templ is part of a file of
// the repository. What it leaves out, it marks with "…".
func TestDocs(t *testing.T) {
	t.Parallel()
	common := make(map[string]string)
	for _, folder := range quoted {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no Go files in %s, %v", folder, err)
		}
		for _, file := range files {
			common[file] = normalized(pageText(t, file))
		}
	}
	blocks := 0
	for _, page := range docPages(t) {
		for _, section := range strings.Split(pageText(t, page), "\n## ") {
			title, _, _ := strings.Cut(section, "\n")
			files := maps.Clone(common)
			for _, m := range regexp.MustCompile(`\]\(([\w./-]+\.(?:go|templ))\)`).FindAllStringSubmatch(section, -1) {
				file := path.Join(path.Dir(page), m[1])
				files[file] = normalized(pageText(t, file))
			}
			for _, m := range regexp.MustCompile("(?s)```(?:go|templ)\n(.*?)\n```").FindAllStringSubmatch(section, -1) {
				blocks++
				if !slices.ContainsFunc(slices.Collect(maps.Values(files)), func(source string) bool { return quotes(source, m[1]) }) {
					t.Errorf("%s, %q: no compiled file contains this code:\n%s", page, title, m[1])
				}
			}
		}
	}
	if blocks < 100 {
		t.Errorf("the pages have %d blocks of code", blocks)
	}
}

// TestDocsQuotes checks that TestDocs notices what differs, and nothing else.
func TestDocsQuotes(t *testing.T) {
	t.Parallel()
	source := normalized("func f() {\n\ts.Set(\"a\",   1) // one\n\n\tif x {\n\t\ts.Clear()\n\t}\n\ts.Err()\n}\n")
	for block, want := range map[string]bool{
		"s.Set(\"a\", 1)     // one\nif x {\n    s.Clear()\n}": true,
		"s.Set(\"a\", 1)":                             false, // the comment belongs to it
		"s.Set(\"a\", 1) …":                           true,
		"if x { … }\ns.Err()":                         true,
		"if x {\n\ns.Err()":                           true,
		"s.Set(\"a\", 1)\n\ns.Err()":                  false,
		"…       // something\ns.Clear()\n…\ns.Err()": true,
		"s.Err()\n…\ns.Clear()":                       false, // in the other order
		"Clear()":                                     false, // part of a line
		"s.Clear(1)":                                  false,
		"…":                                           false,
	} {
		if got := quotes(source, block); got != want {
			t.Errorf("%q: %v", block, got)
		}
	}
}

// TestDocsLinks checks that the links of the pages lead to files and sections that exist.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	for _, page := range docPages(t) {
		text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(pageText(t, page), "")
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			target, section, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = path.Join(path.Dir(page), target)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Errorf("%s: %s: %v", page, m[1], err)
			} else if section != "" && !info.IsDir() && !slices.Contains(anchors(pageText(t, file)), section) {
				t.Errorf("%s: %s has no section %q", page, file, section)
			}
		}
	}
}

// docPages returns all pages in docs.
func docPages(t *testing.T) []string {
	t.Helper()
	var pages []string
	err := filepath.WalkDir("docs", func(name string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			pages = append(pages, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || len(pages) < 10 {
		t.Fatalf("pages: %v, %v", pages, err)
	}
	return pages
}

func pageText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// quotes reports whether a block is part of a normalized source. It quotes whole lines; an
// ellipsis in a line stands for anything, and so do a blank line and one with nothing but an
// ellipsis and a comment.
func quotes(source, block string) bool {
	var lines []string
	for part := range strings.SplitSeq(regexp.MustCompile(`(?m)^\s*(…\s*(//.*)?)?$`).ReplaceAllString(block, "\x00"), "\x00") {
		if part = strings.TrimSpace(normalized(part)); part != "" {
			lines = append(lines, regexp.MustCompile(" ?… ?").ReplaceAllLiteralString(regexp.QuoteMeta(part), "(?s:.*?)"))
		}
	}
	return lines != nil && regexp.MustCompile("(?m)^"+strings.Join(lines, "$(?s:.*?)^")+"$").MatchString(source)
}

// normalized drops what indentation, alignment and blank lines make different.
func normalized(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if fields := strings.Fields(line); len(fields) > 0 {
			b.WriteString(strings.Join(fields, " "))
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// anchors returns the names that GitHub gives to the headings of a page.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := strings.ToLower(regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1"))
		name = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(name, "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}
