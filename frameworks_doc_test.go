package session_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFrameworksDoc checks that the code in docs/frameworks.md compiles: each block is part of
// a file of Go or templ to which its section links.
func TestFrameworksDoc(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/frameworks.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(\.\./([\w./-]+\.(?:go|templ))\)`)
	block := regexp.MustCompile("(?s)\n```(?:go|templ)\n(.*?)\n```\n")
	blocks := 0
	for _, section := range strings.Split(string(text), "\n## ") {
		title, _, _ := strings.Cut(section, "\n")
		var code []string
		for _, m := range link.FindAllStringSubmatch(section, -1) {
			source, err := os.ReadFile(m[1])
			if err != nil {
				t.Errorf("%s: %v", title, err)
			}
			code = append(code, unindented(string(source)))
		}
		for _, m := range block.FindAllStringSubmatch(section, -1) {
			blocks++
			if want := unindented(m[1]); !strings.Contains(strings.Join(code, ""), want) {
				t.Errorf("%s: no file to which the section links contains this code:\n%s", title, want)
			}
		}
	}
	if blocks < 8 {
		t.Errorf("the page has %d blocks of code", blocks)
	}
}

// unindented drops what indentation and blank lines make different.
func unindented(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}
