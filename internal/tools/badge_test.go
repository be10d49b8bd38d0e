package main

import (
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
)

// The README shows the badges, so they must be true.
func TestBadges(t *testing.T) {
	r := checkout(t)
	badges, err := r.badges()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range badges {
		if !exists(filepath.Join(r.root, filepath.FromSlash(name))) || read(t, r.root, name) != want {
			t.Errorf("%s is not what the checkout says; run make generate", name)
		}
		if err := xml.Unmarshal([]byte(want), new(struct{})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadgesFollowTheCheckout(t *testing.T) {
	root := fixture(t)
	write(t, root, "go.mod", "module example.test/lib\n\ngo 1.77.0\n\nrequire example.test/other v1.0.0\n")
	r := &repo{root: root}
	if err := r.writeBadges(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"docs/badges/go.svg":           "Go: 1.77.0 or later",
		"docs/badges/dependencies.svg": "dependencies: 1",
		"docs/badges/license.svg":      "license: do",
	} {
		if got := read(t, root, name); !strings.Contains(got, "<title>"+want+"</title>") {
			t.Errorf("%s is %s\nwant the title %q", name, got, want)
		}
	}
}
