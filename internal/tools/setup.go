package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// runSetup is "make setup": it installs the servers that the tests need. It first says
// what it will install. Where it cannot install anything, it says what is missing and
// how to get it; that is an error in CI only, because a contributor's tests skip what
// is not there.
func runSetup(ctx context.Context, _ *repo, _ []string) error {
	missing := absent(services())
	names := packages(missing)
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 && len(names) > 0 {
		if err := aptInstall(ctx, names); err != nil {
			return err
		}
		missing = absent(missing)
	}
	for _, s := range missing {
		if s.install == nil {
			continue
		}
		if err := s.install(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return reportMissing(absent(missing))
}

// reportMissing says what is missing and how to get it. In CI that is an error.
func reportMissing(missing []service) error {
	if len(missing) == 0 {
		return nil
	}
	var b strings.Builder
	for _, s := range missing {
		how := "on Debian as root: make setup, or apt-get install " + strings.Join(s.packages, " ")
		if s.install != nil {
			how = "make setup, which needs npm"
		}
		fmt.Fprintf(&b, "%s is missing: install it (%s) or set %s\n", s.name, how, s.env)
	}
	if os.Getenv("CI") != "" {
		return errors.New(strings.TrimSuffix(b.String(), "\n"))
	}
	fmt.Fprint(os.Stderr, b.String(), "tests that need it will be skipped\n")
	return nil
}

func absent(wanted []service) []service {
	var missing []service
	for _, s := range wanted {
		if os.Getenv(s.env) == "" && s.find() == "" {
			missing = append(missing, s)
		}
	}
	return missing
}

func packages(of []service) []string {
	var names []string
	for _, s := range of {
		names = append(names, s.packages...)
	}
	slices.Sort(names)
	return slices.Compact(names) // services share packages
}

// aptInstall is quiet unless it fails.
func aptInstall(ctx context.Context, names []string) error {
	fmt.Fprintln(os.Stderr, "tools: will install:", strings.Join(names, ", "))
	restore, err := keepServicesDown()
	if err != nil {
		return err
	}
	defer restore()

	options := []string{"-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"}
	update := append([]string{"update"}, options...)
	install := append(append([]string{"install", "--yes", "--no-install-recommends"}, options...), names...)
	for _, args := range [][]string{update, install} {
		var log bytes.Buffer
		c := exec.CommandContext(ctx, "apt-get", args...)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		c.Stdout, c.Stderr = &log, &log
		if err := c.Run(); err != nil {
			_, _ = io.Copy(os.Stderr, &log)
			return fmt.Errorf("apt-get %s: %w", args[0], err)
		}
	}
	return nil
}

// keepServicesDown stops the packages from starting servers of their own. It uses
// Debian's switch for that, and leaves the switch alone where somebody has set it.
func keepServicesDown() (restore func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	if exists(policy) {
		return func() {}, nil
	}
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(policy) }, nil
}
