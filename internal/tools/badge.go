package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// badges returns the badges of the README: file below the root → SVG. They say only
// what the checkout itself proves, so they need no service and cannot become stale: a
// test compares them with the files.
func (r *repo) badges() (map[string]string, error) {
	data, err := os.ReadFile(filepath.Join(r.root, "go.mod"))
	if err != nil {
		return nil, err
	}
	mod, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return nil, err
	}
	if mod.Go == nil {
		return nil, fmt.Errorf("go.mod has no go line")
	}
	license, err := os.ReadFile(filepath.Join(r.root, "LICENSE"))
	if err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(string(license), " ")
	return map[string]string{
		"docs/badges/go.svg":           badge("Go", mod.Go.Version+" or later"),
		"docs/badges/dependencies.svg": badge("dependencies", strconv.Itoa(len(mod.Require))),
		"docs/badges/license.svg":      badge("license", name),
	}, nil
}

func (r *repo) writeBadges() error {
	badges, err := r.badges()
	if err != nil {
		return err
	}
	for name, svg := range badges {
		file := filepath.Join(r.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := replaceFile(file, []byte(svg)); err != nil {
			return err
		}
	}
	return nil
}

// badge draws a label and a value side by side. The text is stretched to its estimated
// width, so that it fits in every font.
func badge(label, value string) string {
	width := func(s string) int { return 7*len(s) + 10 }
	l, v := width(label), width(value)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[4]s: %[5]s">
<title>%[4]s: %[5]s</title>
<rect width="%[1]d" height="20" rx="3" fill="#555"/>
<path d="M%[2]d 0h%[6]da3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-%[6]dz" fill="#0a6c9e"/>
<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">
<text x="%[7]d" y="14" textLength="%[8]d">%[4]s</text>
<text x="%[9]d" y="14" textLength="%[10]d">%[5]s</text>
</g>
</svg>
`, l+v, l, v, label, value, v-3, l/2, l-10, l+v/2, v-10)
}
