package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// A fleet is four replicas of the demo behind a proxy that takes them in turn.
type fleet struct {
	t        *testing.T
	dir      string
	proxy    *httptest.Server
	mu       sync.Mutex
	replicas []*running
	next     atomic.Uint64
	starts   int
}

// A running replica.
type running struct {
	cmd   *exec.Cmd
	stdin io.Closer
	url   *url.URL
}

const replicas = 4

// newFleet creates a project and the proxy, without replicas.
func newFleet(t *testing.T, configuration map[string]string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), replicas: make([]*running, replicas)}
	for name, text := range configuration {
		path := filepath.Join(f.dir, "config", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(f.dir, "stamped"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.proxy = httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			f.mu.Lock()
			defer f.mu.Unlock()
			r.SetURL(f.replicas[f.next.Add(1)%replicas].url)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway) // the replica has just ended
		},
	})
	t.Cleanup(func() {
		f.proxy.Close()
		for _, r := range f.replicas {
			if r != nil {
				f.stop(r)
			}
		}
	})
	return f
}

// beam runs a command in the project.
func (f *fleet) beam(environ []string, args ...string) (string, error) {
	cmd := exec.Command("beam", args...)
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), environ...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("beam %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// interrupt starts a command and kills it after the next write of the load, or lets it end before.
func (f *fleet) interrupt(l *load, environ []string, args ...string) {
	f.t.Helper()
	cmd := exec.Command("beam", args...)
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), environ...)
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	l.more(1)
	_ = cmd.Process.Kill() // fails if it has ended
	_ = cmd.Wait()         // reports that it was killed
}

// migrate creates the sessions table from all replicas at once.
func (f *fleet) migrate(environ []string) {
	f.t.Helper()
	if _, err := f.beam(environ, "make", "session-table"); err != nil {
		f.t.Fatal(err)
	}
	errs := make(chan error, replicas)
	for range replicas {
		go func() {
			_, err := f.beam(environ, "db", "migrate")
			errs <- err
		}()
	}
	for range replicas {
		if err := <-errs; err != nil {
			f.t.Fatal(err)
		}
	}
}

// roll replaces the replicas one by one: it starts the new one, ends the old one, and waits for some
// writes of the load, if there is any.
func (f *fleet) roll(l *load, release string, environ ...string) {
	f.t.Helper()
	for i := range f.replicas {
		r := f.start(release, environ)
		f.mu.Lock()
		old := f.replicas[i]
		f.replicas[i] = r
		f.mu.Unlock()
		if old != nil {
			f.stop(old)
		}
		if l != nil {
			l.more(20)
		}
	}
}

// crash kills a replica, and starts another one in its place.
func (f *fleet) crash(l *load, release string, environ ...string) {
	f.t.Helper()
	f.mu.Lock()
	r := f.replicas[0]
	f.mu.Unlock()
	if err := r.cmd.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	_ = r.cmd.Wait() // it reports that the process was killed
	r.stdin.Close()
	next := f.start(release, environ)
	f.mu.Lock()
	f.replicas[0] = next
	f.mu.Unlock()
	l.more(20)
}

func (f *fleet) start(release string, environ []string) *running {
	f.t.Helper()
	cmd := exec.Command("replica", release)
	cmd.Dir, cmd.Stderr = f.dir, os.Stderr
	cmd.Env = append(append(os.Environ(), "SESSION_PRUNE_EVERY=200ms", "SESSION_LIFETIME=20m"), environ...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		f.t.Fatalf("a replica did not start: %v, %v", err, cmd.Wait())
	}
	f.starts++
	return &running{cmd, stdin, &url.URL{Scheme: "http", Host: strings.TrimSpace(line)}}
}

// stop ends a replica, which finishes its requests.
func (f *fleet) stop(r *running) {
	f.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Error(err)
	}
	if err := r.cmd.Wait(); err != nil {
		f.t.Errorf("a replica: %v", err)
	}
	r.stdin.Close()
}
