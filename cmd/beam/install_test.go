package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/expanse-go/session/cmd/beam/internal/cli"
	"github.com/expanse-go/session/internal/testserver"
)

// TestInstall installs beam from a module proxy, as released, without a workspace. In an
// empty folder it runs init, migrates, builds and runs the application, and checks that the
// visits are still counted after a restart.
func TestInstall(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a release and an application; run without -short")
	}
	s := newInstallation(t)
	bin := t.TempDir()
	s.env = append(s.env, "GOBIN="+bin)
	s.run(t, "go", "install", "github.com/expanse-go/session/cmd/beam@v0.1.0")
	beam := filepath.Join(bin, "beam")
	if out := s.run(t, beam, "version"); !strings.HasPrefix(out, "beam v0.1.0 ") {
		t.Errorf("version = %q, want beam v0.1.0", out)
	}

	out := s.run(t, beam, "init", "--stores", "sqlite,file")
	if !strings.Contains(out, "wrote  go.sum") {
		t.Errorf("init did not tidy:\n%s", out)
	}
	// The script runs the version in go.mod, which is this version.
	if out := s.run(t, "./beam", "db", "migrate"); !strings.HasPrefix(out, "applied ") {
		t.Errorf("./beam db migrate = %q, want applied …", out)
	}
	s.run(t, "./beam", "config", "check")
	usage := s.command(t.Context(), "./beam", "db", "nonsense")
	if err := usage.Run(); usage.ProcessState.ExitCode() != cli.ExitUsage {
		t.Errorf("./beam db nonsense: %v, want exit code %d", err, cli.ExitUsage)
	}
	s.run(t, "go", "vet", "./...")
	s.run(t, "go", "build", "-o", "app", ".")
	if out := s.run(t, "gofmt", "-l", "."); out != "" {
		t.Errorf("gofmt would change %s", out)
	}

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	for round, want := range []string{"Visits: 1", "Visits: 3"} {
		url, stop := s.serve(t, "./app")
		if got := get(t, client, http.MethodGet, url+"/"); !strings.Contains(got, want) {
			t.Errorf("round %d: page is %q, want %q", round, got, want)
		}
		if got := get(t, client, http.MethodGet, url+"/"); strings.Contains(got, want) {
			t.Errorf("round %d: the count did not go on: %q", round, got)
		}
		stop()
	}

	url, _ := s.serve(t, "./app")
	if got := get(t, client, http.MethodPost, url+"/reset"); !strings.Contains(got, "Started again.") || !strings.Contains(got, "Visits: 1") {
		t.Errorf("after the reset: %q, want the message and one visit", got)
	}
	if got := get(t, client, http.MethodGet, url+"/"); strings.Contains(got, "Started again.") {
		t.Errorf("the message is shown twice: %q", got)
	}
	if out := s.run(t, "./beam", "session", "stats"); !strings.Contains(out, "live       1") {
		t.Errorf("stats:\n%s\nwant one session", out)
	}
	t.Run("postgres", func(t *testing.T) { s.postgres(t, beam) })
}

// postgres creates another application, on a PostgreSQL server, and runs it.
func (s *installation) postgres(t *testing.T, beam string) {
	server, err := url.Parse(testserver.DSN(t, testserver.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	server.Path = "/" + createDatabase(t, "pgx", server.String(), `"`)
	p := &installation{dir: t.TempDir(), env: append(slices.Clone(s.env), "DB_CONNECTIONS__POSTGRES__DSN="+server.String())}
	p.run(t, beam, "init", "--stores", "postgres", "--module", "shop")
	mod, err := os.ReadFile(filepath.Join(p.dir, "go.mod"))
	if err != nil || !strings.Contains(string(mod), "github.com/expanse-go/session/pgxstore v0.1.0\n") {
		t.Errorf("go.mod does not require pgxstore (%v):\n%s", err, mod)
	}
	p.run(t, "./beam", "db", "migrate")
	p.run(t, "./beam", "config", "check")
	p.run(t, "go", "vet", "./...")
	p.run(t, "go", "build", "-o", "app", ".")
	if out := p.run(t, "gofmt", "-l", "."); out != "" {
		t.Errorf("gofmt would change %s", out)
	}
	if out := p.run(t, "go", "list", "-deps", "."); strings.Contains(out, "pgx/v5/stdlib") {
		t.Error("the application contains a driver of database/sql that it does not need")
	}
	page, _ := p.serve(t, "./app")
	if got := get(t, http.DefaultClient, http.MethodGet, page+"/"); !strings.Contains(got, "Visits: 1") {
		t.Errorf("page is %q, want one visit", got)
	}
	if out := p.run(t, "./beam", "session", "stats"); !strings.Contains(out, "live       1") {
		t.Errorf("stats:\n%s\nwant one session", out)
	}
}

// TestField31Checkout follows the README: without any release, the script beam of a checkout
// creates an application that migrates, builds and runs, both outside of the checkout and
// inside, where its go.work would apply.
func TestField31Checkout(t *testing.T) {
	if testing.Short() {
		t.Skip("builds beam and an application; run without -short")
	}
	checkout, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(checkout, ".cache"), 0o755); err != nil {
		t.Fatal(err)
	}
	inside, err := os.MkdirTemp(filepath.Join(checkout, ".cache"), "app") //nolint:usetesting // it must be in the checkout
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(inside) })
	for _, c := range []struct{ name, dir, flags string }{
		{"outside", filepath.Join(t.TempDir(), "My Shop"), "-mod=mod"},
		{"inside", inside, ""}, // a workspace refuses -mod=mod
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.MkdirAll(c.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			s := &installation{dir: c.dir, env: append(environment(), "GOFLAGS="+c.flags, "GOPROXY="+goEnv(t, "GOPROXY"),
				"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOSUMDB="+goEnv(t, "GOSUMDB"))}
			out := s.run(t, filepath.Join(checkout, "beam"), "init")
			if !strings.Contains(out, "go.mod takes the library from the checkout "+checkout) || !strings.Contains(out, "once there is\na release") {
				t.Errorf("init does not say what it joined:\n%s", out)
			}
			if out := s.run(t, "./beam", "db", "migrate"); !strings.HasPrefix(out, "applied ") {
				t.Errorf("./beam db migrate = %q, want applied …", out)
			}
			if out := s.run(t, "./beam", "version"); !strings.HasPrefix(out, "beam (devel) ") {
				t.Errorf("./beam version = %q, want no release", out)
			}
			s.run(t, "go", "vet", ".")
			s.run(t, "go", "mod", "tidy", "-diff")
			s.run(t, "go", "build", "-o", "app", ".") // as go run, whose program a signal to go would not end
			url, _ := s.serve(t, "./app")
			if got := get(t, http.DefaultClient, http.MethodGet, url+"/"); !strings.Contains(got, "Visits: 1") {
				t.Errorf("page is %q, want one visit", got)
			}
		})
	}
}

// An installation is an empty folder, and an environment in which this repository is
// available only as released modules.
type installation struct {
	dir string
	env []string
}

// environment returns the environment without the variables of Go, and without those that
// configure sessions.
func environment() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "SESSION_") && !strings.HasPrefix(name, "DB_") && !strings.HasPrefix(name, "GO") {
			env = append(env, kv)
		}
	}
	return env
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	proxy := t.TempDir()
	release := exec.Command("go", "run", "./internal/tools", "release", "--dry-run", "--out", proxy)
	release.Dir = filepath.Join("..", "..")
	if out, err := release.CombinedOutput(); err != nil {
		t.Fatalf("release --dry-run: %v\n%s", err, out)
	}
	file := func(dir string) string {
		return (&url.URL{Scheme: "file", Path: filepath.ToSlash(dir)}).String()
	}
	// Third-party modules come from the local module cache or the configured proxy. Our
	// modules are not in the checksum database.
	proxies := []string{file(proxy), file(filepath.Join(goEnv(t, "GOMODCACHE"), "cache", "download"))}
	if p := goEnv(t, "GOPROXY"); p != "" {
		proxies = append(proxies, p)
	}
	env := append(environment(),
		// With -trimpath, later runs can reuse the build cache.
		"GOWORK=off", "GOFLAGS=-modcacherw -trimpath", "GONOSUMDB=github.com/expanse-go/*", "GOTOOLCHAIN=local",
		"GOPROXY="+strings.Join(proxies, ","), "GOMODCACHE="+t.TempDir(), "GOCACHE="+goEnv(t, "GOCACHE"))
	dir := filepath.Join(t.TempDir(), "My Shop")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &installation{dir: dir, env: env}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// run runs a program in the folder and returns its standard output.
func (s *installation) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := s.command(t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

func (s *installation) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if strings.HasPrefix(name, "./") {
		name = filepath.Join(s.dir, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// unsafeServer matches the warnings of a server for tests, which is fast instead of safe.
var unsafeServer = regexp.MustCompile(`WARN session: store: (fsync|full_page_writes|synchronous_commit) is "off"`)

// serve starts the application on a free port, waits until it listens, and returns its URL.
// The application runs until stop or the end of the test.
func (s *installation) serve(t *testing.T, name string) (url string, stop func()) {
	t.Helper()
	cmd := s.command(context.Background(), name)
	cmd.Env = append(cmd.Env, "ADDR=localhost:0")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	t.Cleanup(stop) // also after a failure: an application that runs keeps its database in use
	lines := bufio.NewReader(stderr)
	warning, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(warning, "SESSION_DANGEROUSLY_ALLOW_HTTP (.env:") {
		t.Errorf("the application said %q, %v; want a warning of the switch in .env", warning, err)
	}
	line, err := lines.ReadString('\n')
	for err == nil && unsafeServer.MatchString(line) {
		line, err = lines.ReadString('\n')
	}
	_, url, ok := strings.Cut(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("the application said %q, %v", line, err)
	}
	go io.Copy(io.Discard, lines)
	return url, stop
}

// get requests a page and follows redirects, like a browser.
func get(t *testing.T, client *http.Client, method, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}
