package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/expanse-go/session/internal/tools/server"
)

// A service is a program that tests need beside them, and how they learn of it: the
// environment variable env. A variable that is set already is left alone, so that
// anyone may test against servers of their own.
type service struct {
	name, env string
	packages  []string      // of Debian
	find      func() string // the program, or the folder of the programs; "" if missing

	install func(ctx context.Context) error // nil: the packages are all; called once they are installed

	// start runs it with its data below dir and returns the value of env.
	start func(ctx context.Context, found, dir string, fast bool) (value string, stop func(), err error)
}

func services() []service {
	return []service{
		{"postgres", "SESSION_TEST_POSTGRES", []string{"postgresql"}, server.FindPostgres, nil, started(server.StartPostgres)},
		{"mariadb", "SESSION_TEST_MYSQL", []string{"mariadb-server", "galera-4", "rsync"}, server.FindMariaDB, nil, started(server.StartMariaDB)},
		{"redis", "SESSION_TEST_REDIS", []string{"redis-server"}, server.FindRedis, nil, started(server.StartRedis)},
		{"redis-cluster", "SESSION_TEST_REDIS_CLUSTER", []string{"redis-server"}, server.FindRedisGroup, nil, startedGroup(server.StartRedisCluster)},
		{"redis-sentinel", "SESSION_TEST_REDIS_SENTINEL", []string{"redis-server"}, server.FindRedisGroup, nil, startedGroup(server.StartRedisSentinel)},
		{"pgbouncer", "SESSION_TEST_PGBOUNCER", []string{"pgbouncer"}, server.FindPgBouncer, nil, startNothing},
		{"nginx", "SESSION_TEST_NGINX", []string{"nginx"}, server.FindNginx, nil, startNothing},
		{"prometheus", "SESSION_TEST_PROMETHEUS", []string{"prometheus"}, server.FindPrometheus, nil, startNothing},
		{"chromium", "SESSION_TEST_CHROMIUM", []string{"chromium", "fonts-liberation"}, findChromium, nil, startNothing},
		{"python", "SESSION_TEST_PYTHON", []string{"python3"}, findProgram("python3"), nil, startNothing},
		{"node", "SESSION_TEST_NODE", []string{"nodejs"}, findProgram("node"), nil, startNothing},
		{"php", "SESSION_TEST_PHP", []string{"php-cli"}, findProgram("php"), nil, startNothing},
		{"axe-core", "SESSION_TEST_AXE", axePackages(), findAxe, installAxe, startNothing},
	}
}

// findProgram returns how to find a program in the PATH.
func findProgram(name string) func() string {
	return func() string {
		found, err := exec.LookPath(name)
		if err != nil {
			return ""
		}
		return found
	}
}

// serviceNames returns the names of all services.
func serviceNames() (names []string) {
	for _, s := range services() {
		names = append(names, s.name)
	}
	return names
}

// runServers runs a command beside servers that live as long as the command does:
// on free loopback ports, with their data in a temporary folder.
func runServers(ctx context.Context, _ *repo, args []string) error {
	flags := flag.NewFlagSet("servers", flag.ContinueOnError)
	need := flags.String("need", strings.Join(serviceNames(), ","), "what to have, separated by commas")
	fast := flags.Bool("fast", false, "no fsync: right for tests, wrong for benchmarks")
	if err := flags.Parse(args); err != nil || flags.NArg() == 0 {
		return errUsage
	}
	wanted, err := choose(*need)
	if err != nil {
		return err
	}
	if err := reportMissing(absent(wanted)); err != nil {
		return err
	}
	return withServers(ctx, wanted, *fast, func(env []string) error {
		return foreground(env, flags.Args())
	})
}

func choose(names string) ([]service, error) {
	var chosen []service
	for name := range strings.SplitSeq(names, ",") {
		known := false
		for _, s := range services() {
			if s.name == name {
				chosen, known = append(chosen, s), true
			}
		}
		if !known {
			return nil, fmt.Errorf("servers: --need %q: know %s", name, strings.Join(serviceNames(), ", "))
		}
	}
	return chosen, nil
}

// withServers starts what is installed, calls f with the variables that lead there,
// and stops everything it started. The tests of what is missing
// are skipped.
func withServers(ctx context.Context, wanted []service, fast bool, f func(env []string) error) (err error) {
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()

	var env []string
	for _, s := range wanted {
		found := s.find()
		if os.Getenv(s.env) != "" || found == "" {
			continue
		}
		value, stop, err := s.start(ctx, found, filepath.Join(dir, s.name), fast)
		if err != nil {
			return fmt.Errorf("cannot start %s: %w", s.name, err)
		}
		stops = append(stops, stop)
		env = append(env, s.env+"="+value)
	}
	return f(env)
}

// started makes of a server what the table of services wants.
func started(start func(ctx context.Context, found, dir string, fast bool) (*server.Server, error)) func(context.Context, string, string, bool) (string, func(), error) {
	return func(ctx context.Context, found, dir string, fast bool) (string, func(), error) {
		s, err := start(ctx, found, dir, fast)
		if err != nil {
			return "", nil, err
		}
		return s.Address, s.Stop, nil
	}
}

// startedGroup is started for servers that act as one.
func startedGroup(start func(ctx context.Context, found, dir string, fast bool) (*server.RedisGroup, error)) func(context.Context, string, string, bool) (string, func(), error) {
	return func(ctx context.Context, found, dir string, fast bool) (string, func(), error) {
		g, err := start(ctx, found, dir, fast)
		if err != nil {
			return "", nil, err
		}
		return g.Address, g.Stop, nil
	}
}

// foreground runs a command as if we were not there: same terminal, signals handed
// on, its exit status ours. It is not bound to a context, because a signal is for
// the command to answer; the servers are stopped after it has ended.
func foreground(env, args []string) error {
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), env...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				_ = c.Process.Signal(s) // too late when it has just ended: nothing to do
			case <-ended:
				return
			}
		}
	}()
	err := c.Wait()
	close(ended)
	return exitStatus(err)
}

// exitStatus turns the end of a child into ours, by the rule of the shells.
func exitStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError(128 + int(status.Signal()))
	}
	return exitError(exit.ExitCode())
}
