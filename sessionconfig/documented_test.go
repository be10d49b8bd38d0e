package sessionconfig

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The tables of docs/configuration.md have every setting, with its default, and no other.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string][]spec{
		"Session settings":     nil,
		"Store settings":       nil,
		"Database connections": slices.Clone(connectionSpecs),
		"Redis connections":    slices.Clone(redisConnectionSpecs),
	}
	for _, sp := range sessionSpecs {
		title := "Session settings"
		if strings.HasPrefix(sp.key, "store") && sp.key != "store_timeout" || sp.key == "fallback" {
			title = "Store settings"
		}
		missing[title] = append(missing[title], sp)
	}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		title, _, _ := strings.Cut(section, "\n")
		if specs, ok := missing[title]; ok {
			missing[title] = compareRows(t, section, specs)
		}
	}
	for title, specs := range missing {
		for _, sp := range specs {
			t.Errorf("docs/configuration.md, %q: %s is missing", title, sp.key)
		}
	}
}

// compareRows compares the tables of a section that have a column for the default, and returns
// the settings that it has not found.
func compareRows(t *testing.T, section string, specs []spec) []spec {
	t.Helper()
	names := regexp.MustCompile("`([a-z_.]+)`")
	column := -1
	for line := range strings.Lines(section) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "|") || slices.Contains(cells, "default") {
			column = slices.Index(cells, "default")
			continue
		}
		if column < 0 {
			continue
		}
		for _, m := range names.FindAllStringSubmatch(cells[0], -1) {
			i := slices.IndexFunc(specs, func(sp spec) bool { return sp.key == m[1] })
			if i < 0 {
				if m[1] != options {
					t.Errorf("%s: unknown, or there twice", m[1])
				}
				continue
			}
			// A default that is explained in words has no quotes.
			if def := specs[i].def; def != "" && strings.HasPrefix(cells[column], "`") && !strings.HasPrefix(cells[column], "`"+def+"`") {
				t.Errorf("%s: the default is %s, not %s", m[1], def, cells[column])
			}
			specs = slices.Delete(specs, i, i+1)
		}
	}
	return specs
}
