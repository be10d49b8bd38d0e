package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
)

// runRelease tags every released module at the version of go.work, after checking
// all that cannot be repaired once a version is in the world's module caches. With
// --dry-run it tags nothing and checks nothing: it builds a module proxy from the
// working tree, on which strangers' steps can be tried before the release.
func runRelease(ctx context.Context, r *repo, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	dry := flags.Bool("dry-run", false, "build a file-system module proxy and tag nothing")
	out := flags.String("out", filepath.Join(r.root, "dist", "proxy"), "folder of that proxy")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	if !*dry {
		return r.release(ctx)
	}
	dir, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	if err := r.writeProxy(ctx, dir); err != nil {
		return err
	}
	fmt.Printf("%s of every released module is in %s; use it with\n", r.version, dir)
	fmt.Printf("  export GOPROXY=%s,$(go env GOPROXY) GONOSUMDB=%s\n", fileURL(dir), r.modules[0].path)
	return nil
}

func (r *repo) release(ctx context.Context) error {
	if err := r.releasable(ctx); err != nil {
		return err
	}
	if err := runIsolate(ctx, r, nil); err != nil {
		return err
	}
	var tags []string
	for _, m := range r.modules {
		if m.released {
			tags = append(tags, r.tag(m))
		}
	}
	for _, tag := range tags {
		if err := r.cmd(ctx, ".", nil, "git", "tag", "--annotate", "--message="+tag, tag).Run(); err != nil {
			return fmt.Errorf("git tag %s: %w", tag, err)
		}
	}
	fmt.Printf("tagged; publish all tags at once with\n  git push --atomic origin HEAD %s\n", strings.Join(tags, " "))
	return nil
}

// tag is the name by which the go command finds the version of m.
func (r *repo) tag(m module) string { return path.Join(m.dir, r.version) }

// releasable reports everything that stands in the way, not only the first.
func (r *repo) releasable(ctx context.Context) error {
	var errs []error
	status, err := r.output(ctx, "git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if status != "" {
		errs = append(errs, errors.New("release: the tree has uncommitted changes"))
	}
	for _, m := range r.modules {
		if !m.released {
			continue
		}
		if known, err := r.output(ctx, "git", "tag", "--list", r.tag(m)); err != nil {
			return err
		} else if known != "" {
			errs = append(errs, fmt.Errorf("release: tag %s exists: run bump with the next version", r.tag(m)))
		}
		errs = append(errs, r.checkRequires(m))
	}
	errs = append(errs, r.checkChangelog())
	return errors.Join(errs...)
}

func (r *repo) checkRequires(m module) error {
	data, err := os.ReadFile(filepath.Join(r.folder(m), "go.mod"))
	if err != nil {
		return err
	}
	mod, err := modfile.Parse(path.Join(m.dir, "go.mod"), data, nil)
	if err != nil {
		return err
	}
	if len(mod.Replace) > 0 {
		return fmt.Errorf("release: %s/go.mod has a replace, which breaks go install", m.dir)
	}
	for _, req := range mod.Require {
		for _, own := range r.modules {
			if own.path == req.Mod.Path && req.Mod.Version != r.version {
				return fmt.Errorf("release: %s/go.mod requires %s: run bump %s", m.dir, req.Mod, r.version)
			}
		}
	}
	return nil
}

// checkChangelog wants a dated heading: "## [0.1.0] - 2026-01-31".
func (r *repo) checkChangelog() error {
	data, err := os.ReadFile(filepath.Join(r.root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	heading := `(?m)^## \[?v?` + regexp.QuoteMeta(strings.TrimPrefix(r.version, "v")) + `\]?.*\d{4}-\d\d-\d\d`
	if !regexp.MustCompile(heading).Match(data) {
		return fmt.Errorf("release: CHANGELOG.md has no dated heading for %s", r.version)
	}
	return nil
}

// output runs a command at the root and returns what it printed, trimmed.
func (r *repo) output(ctx context.Context, name string, args ...string) (string, error) {
	c := r.cmd(ctx, ".", nil, name, args...)
	var out bytes.Buffer
	c.Stdout = &out
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(c.Args, " "), err)
	}
	return strings.TrimSpace(out.String()), nil
}
