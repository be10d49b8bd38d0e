package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// targets are the systems that a release has binaries for.
const targets = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64"

// runBinaries builds beam as "go install" would, for several systems, and writes SHA256SUMS.
// The binaries depend on the tree and the version of Go only, not on the folder, the machine or
// the time: whoever builds them again gets the same checksums.
func runBinaries(ctx context.Context, r *repo, args []string) error {
	flags := flag.NewFlagSet("binaries", flag.ContinueOnError)
	out := flags.String("out", filepath.Join(r.root, "dist", "bin"), "folder of the binaries")
	systems := flags.String("targets", targets, "systems, separated by commas")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		return errUsage
	}
	for _, m := range r.modules {
		if m.dir == "cmd/beam" {
			return r.binaries(ctx, m, *out, strings.Split(*systems, ","))
		}
	}
	return fmt.Errorf("binaries: modules.txt has no cmd/beam")
}

// binaries builds the program of a module from a module proxy, so that nothing gets in that is
// not released.
func (r *repo) binaries(ctx context.Context, m module, out string, systems []string) error {
	temp, err := os.MkdirTemp("", "binaries-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := r.writeProxy(ctx, filepath.Join(temp, "proxy")); err != nil {
		return err
	}
	// Other modules come from the cache of the user, if they are there.
	cache, err := r.output(ctx, "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	upstream, err := r.output(ctx, "go", "env", "GOPROXY")
	if err != nil {
		return err
	}
	env := []string{
		"GOPROXY=" + fileURL(filepath.Join(temp, "proxy")) + "," + fileURL(filepath.Join(cache, "cache", "download")) + "," + upstream,
		"GONOSUMDB=" + r.modules[0].path, "GOMODCACHE=" + filepath.Join(temp, "mod"), "GOPATH=" + temp,
		"GOBIN=", "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0",
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums strings.Builder
	for _, system := range systems {
		goos, goarch, ok := strings.Cut(system, "/")
		if !ok {
			return fmt.Errorf("binaries: %q is no target such as linux/amd64", system)
		}
		install := r.cmd(ctx, ".", append(env, "GOOS="+goos, "GOARCH="+goarch),
			"go", "install", "-trimpath", "-modcacherw", "-ldflags=-s -w", m.path+"@"+r.version)
		if err := install.Run(); err != nil {
			return fmt.Errorf("binaries: %s: %w", system, err)
		}
		program, suffix := path.Base(m.path), ""
		if goos == "windows" {
			suffix = ".exe"
		}
		built := filepath.Join(temp, "bin", goos+"_"+goarch, program+suffix)
		if goos == runtime.GOOS && goarch == runtime.GOARCH {
			built = filepath.Join(temp, "bin", program+suffix)
		}
		data, err := os.ReadFile(built)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s_%s_%s_%s%s", program, r.version, goos, goarch, suffix)
		if err := os.WriteFile(filepath.Join(out, name), data, 0o755); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
