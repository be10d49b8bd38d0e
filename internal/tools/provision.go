package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// provision sees to it that the wanted services are installed. On Debian as root it
// installs them. Elsewhere it says what is missing and how to get it, and that is an
// error in CI only: a contributor's tests skip what they cannot have.
func provision(ctx context.Context, wanted []service) error {
	missing := absent(wanted)
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		if err := aptInstall(ctx, packages(missing)); err != nil {
			return err
		}
		if missing = absent(missing); len(missing) == 0 {
			return nil
		}
	}
	var b strings.Builder
	for _, s := range missing {
		fmt.Fprintf(&b, "%s is missing: install it (Debian: apt-get install %s) or set %s\n", s.name, strings.Join(s.packages, " "), s.env)
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
	return names
}

// aptInstall is quiet unless it fails.
func aptInstall(ctx context.Context, names []string) error {
	fmt.Fprintln(os.Stderr, "tools: installing", strings.Join(names, " "))
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

// keepServicesDown stops the packages from starting servers of their own: this is
// the switch Debian has for it, and it is left alone where somebody has set it.
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
