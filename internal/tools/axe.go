package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// The pinned version of axe-core, which checks pages for accessibility, with its checksum.
// It is under MPL-2.0, so a copy is fetched and not committed.
//
//go:embed axe/package.json axe/package-lock.json
var axeFiles embed.FS

// axeFolder is where npm installs axe-core: in the cache of the checkout, in a folder for
// each version.
func axeFolder() (string, error) {
	r, err := openRepo(".")
	if err != nil {
		return "", err
	}
	data, err := axeFiles.ReadFile("axe/package.json")
	if err != nil {
		return "", err
	}
	var pinned struct {
		DevDependencies map[string]string `json:"devDependencies"`
	}
	if err := json.Unmarshal(data, &pinned); err != nil {
		return "", err
	}
	return filepath.Join(r.root, ".cache", "axe-core-"+pinned.DevDependencies["axe-core"]), nil
}

func findAxe() string {
	dir, err := axeFolder()
	if err != nil {
		return ""
	}
	if file := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"); exists(file) {
		return file
	}
	return ""
}

// axePackages is empty where npm is there already: it need not come from Debian.
func axePackages() []string {
	if _, err := exec.LookPath("npm"); err == nil {
		return nil
	}
	return []string{"npm"}
}

// installAxe does nothing without npm; then setup reports that axe-core is missing.
func installAxe(ctx context.Context) error {
	if len(axePackages()) > 0 {
		return nil
	}
	dir, err := axeFolder()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := axeFiles.ReadFile(path.Join("axe", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "tools: will install axe-core in", dir)
	c := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = dir
	var log bytes.Buffer
	c.Stdout, c.Stderr = &log, &log
	if err := c.Run(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, log.Bytes())
	}
	return nil
}
