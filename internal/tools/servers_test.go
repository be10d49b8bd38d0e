package main

import (
	"errors"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every server answers while the function runs, and neither it nor its data is there
// afterwards.
func TestServersComeAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("starts every server")
	}
	parent, err := os.MkdirTemp("/tmp", "servers") //nolint:usetesting // closed to the servers' users, and long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", parent)
	for _, s := range services() {
		t.Run(s.name, func(t *testing.T) {
			if s.find() == "" {
				t.Skipf("%s is not installed", s.name)
			}
			t.Setenv(s.env, "")
			var address string
			stop := errors.New("stop")
			err := withServers(t.Context(), []service{s}, true, func(env []string) error {
				if len(env) != 1 || !strings.HasPrefix(env[0], s.env+"=") {
					t.Fatalf("got %q, want %s only", env, s.env)
				}
				if slices.Contains([]string{"chromium", "pgbouncer", "nginx", "prometheus", "python", "node", "php", "axe-core"}, s.name) { // which are not started
					return stop
				}
				address = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(env[0])
				if conn, err := net.Dial("tcp", address); err != nil {
					t.Error(err)
				} else {
					conn.Close()
				}
				return stop
			})
			if !errors.Is(err, stop) {
				t.Fatalf("got %v, want the error of the function", err)
			}
			if address != "" {
				if conn, err := net.Dial("tcp", address); err == nil {
					conn.Close()
					t.Error("still answers after it was stopped")
				}
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestServersOfOnesOwnAreLeftAlone(t *testing.T) {
	s := service{name: "own", env: "SESSION_TEST_OWN", find: func() string { return "somewhere" }}
	t.Setenv("SESSION_TEST_OWN", "mine")
	err := withServers(t.Context(), []service{s}, true, func(env []string) error {
		if len(env) > 0 {
			t.Errorf("got %q, want nothing to be set", env)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestMissingServersAreReported(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt-get
	s := service{name: "own", env: "SESSION_TEST_OWN", packages: []string{"own-server"}, find: func() string { return "" }}
	t.Setenv("CI", "")
	if err := reportMissing(absent([]service{s})); err != nil {
		t.Errorf("outside CI: %v", err)
	}
	t.Setenv("CI", "true")
	err := reportMissing(absent([]service{s}))
	if err == nil || !strings.Contains(err.Error(), "apt-get install own-server") || !strings.Contains(err.Error(), "SESSION_TEST_OWN") {
		t.Errorf("in CI: got %v, want an error with both remedies", err)
	}
}

func TestChoose(t *testing.T) {
	got, err := choose("chromium,postgres")
	if err != nil || len(got) != 2 || got[0].name != "chromium" || got[1].name != "postgres" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose("oracle"); err == nil {
		t.Error("got no error for an unknown server")
	}
}

func TestForeground(t *testing.T) {
	for script, want := range map[string]error{
		"exit 0":                    nil,
		"exit 3":                    exitError(3),
		"kill -TERM $$":             exitError(143),
		`test "$SESSION_TEST" = on`: nil,
	} {
		if got := foreground([]string{"SESSION_TEST=on"}, []string{"sh", "-c", script}); !errors.Is(got, want) {
			t.Errorf("%s: got %v, want %v", script, got, want)
		}
	}
	if err := foreground(nil, []string{"/no/such/program"}); err == nil {
		t.Error("got no error for a program that is not there")
	}
}
