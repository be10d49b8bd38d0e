// Command tools does the chores of this repository, which would otherwise be shell
// scripts. Run it from anywhere inside a checkout:
//
//	go run ./internal/tools                 # lists the commands
//	go run ./internal/tools tidy
//	go run ./internal/tools servers -- go test ./internal/integration/...
//
// It is a module of its own, never released, so that its dependencies stay out of
// every user's module graph.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A command is one line of the table below.
type command struct {
	name, args, help string

	run func(ctx context.Context, r *repo, args []string) error
}

func commands() []command {
	return []command{
		{"modules", "", "list every module: folder, import path, released or not", runModules},
		{"tidy", "[DIR…]", "go mod tidy in every module, or in those of the folders; and go.work.sum", runTidy},
		{"get", "DIR PACKAGE@VERSION…", "add or change a dependency of the module in DIR", runGet},
		{"isolate", "", "build each released module as a stranger gets it, without the workspace", runIsolate},
		{"generate", "", "rewrite testdata/api.txt, docs/interleavings.md, the benchmark tables and the badges", runGenerate},
		{"lint", "", "run golangci-lint, at the pinned version, in every module", runLint},
		{"vuln", "", "run govulncheck, at the pinned version, in every module; needs the network", runVuln},
		{"fuzz", "[-t DURATION]", "fuzz with each fuzz test for a while", runFuzz},
		{"setup", "", "install the servers that the tests need (Debian, as root), after saying which", runSetup},
		{"servers", "[--need LIST] [--fast] -- CMD…", "run CMD beside PostgreSQL, MariaDB, Redis and Chromium of its own", runServers},
		{"check", "", "what is fast and needs no servers: gofmt, vet, the tests of the library and the command", runCheck},
		{"test", "", "everything a change must pass: vet, isolate, lint, all tests on real servers", runTest},
		{"cover", "", "statement coverage of every package, from the tests of all modules", runCover},
		{"bump", "VERSION", "set the version that our modules require of each other", runBump},
		{"binaries", "[--targets LIST] [--out DIR]", "build beam for Linux, macOS and Windows, reproducibly, with checksums", runBinaries},
		{"release", "[--dry-run] [--out DIR]", "tag every released module; --dry-run builds a module proxy instead", runRelease},
	}
}

// errUsage makes main print the table and exit with 2.
var errUsage = errors.New("usage")

// An exitError hands the exit status of a child on, without a message of our own:
// the child has said what was wrong.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:])
	stop()

	var exit exitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(int(exit))
	case errors.Is(err, errUsage):
		usage(os.Stderr)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "tools:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		r, err := openRepo(".")
		if err != nil {
			return err
		}
		return c.run(ctx, r, args[1:])
	}
	return fmt.Errorf("no command %q: %w", args[0], errUsage)
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: go run ./internal/tools COMMAND")
	for _, c := range commands() {
		fmt.Fprintf(w, "\n  %s %s\n      %s\n", c.name, c.args, c.help)
	}
}
