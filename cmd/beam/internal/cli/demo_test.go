package cli

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A running is a demo started with Run.
type running struct {
	url    string
	said   []string // lines of standard output up to the URL
	stderr *bytes.Buffer
	stop   context.CancelFunc
	code   chan int
}

// start runs "beam demo" in dir on a free port, until the test ends or stops it.
func start(t *testing.T, dir string, environ []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	d := &running{stderr: new(bytes.Buffer), stop: cancel, code: make(chan int, 1)}
	go func() {
		d.code <- Run(ctx, append([]string{"beam", "demo", "--addr", "127.0.0.1:0"}, args...),
			strings.NewReader(""), w, d.stderr, environ, dir)
		w.Close()
	}()
	out := bufio.NewScanner(r)
	for out.Scan() {
		d.said = append(d.said, out.Text())
		if rest, ok := strings.CutPrefix(out.Text(), "Serving on "); ok {
			d.url, _, _ = strings.Cut(rest, " ")
			break
		}
	}
	if d.url == "" {
		t.Fatalf("the demo ended with %d: %s", <-d.code, d.stderr)
	}
	go io.Copy(io.Discard, r)
	t.Cleanup(cancel)
	return d
}

// end stops the demo like a signal, and checks that it succeeds.
func (d *running) end(t *testing.T) {
	t.Helper()
	d.stop()
	if got := <-d.code; got != ExitOK {
		t.Errorf("exit code %d, want 0; stderr: %s", got, d.stderr)
	}
}

func page(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, resp)
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s\n%s", resp.Request.URL, resp.Status, text)
	}
	return string(text)
}

// signIn signs in as ada.
func signIn(t *testing.T, client *http.Client, base string) {
	t.Helper()
	resp, err := client.PostForm(base+"/account/sign-in", url.Values{"name": {"ada"}})
	if err != nil {
		t.Fatal(err)
	}
	body(t, resp)
}

// Without a configuration, the demo creates and migrates its database. Sessions survive a
// restart, in the database and in files.
func TestDemoSurvivesARestart(t *testing.T) {
	for _, store := range []string{"database", "file"} {
		t.Run(store, func(t *testing.T) {
			dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
			environ := []string{"SESSION_STORE=" + store}
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar}

			d := start(t, dir, environ, "--dir", data)
			if text := strings.Join(d.said, "\n"); !strings.Contains(text, data) || !strings.Contains(text, "Store: "+store) {
				t.Errorf("the demo said:\n%s\nwant its folder and its store", text)
			}
			signIn(t, client, d.url)
			if text := page(t, client, d.url+"/account"); !strings.Contains(text, "ada") {
				t.Errorf("not signed in:\n%s", text)
			}
			d.end(t)

			d = start(t, dir, environ, "--dir", data)
			if text := page(t, client, d.url+"/account"); !strings.Contains(text, "ada") {
				t.Errorf("signed out by a restart:\n%s", text)
			}
			d.end(t)
			// Each dialect has its own migrations folder.
			_, err = os.Stat(filepath.Join(data, "migrations", "sqlite", "00001_create_sessions_table.sql"))
			if store == "database" && err != nil {
				t.Error(err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("the current folder has %v, %v, want nothing", entries, err)
			}
		})
	}
}

// If the current folder has a configuration, the demo uses it, unless a flag names another
// store.
func TestDemoUsesTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config", "session.toml"), []byte("store = \"memory\"\nname = \"shop\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	d := start(t, dir, nil)
	signIn(t, client, d.url)
	where, err := url.Parse(d.url)
	if err != nil {
		t.Fatal(err)
	}
	if cookies := jar.Cookies(where); len(cookies) != 1 || cookies[0].Name != "shop" {
		t.Errorf("cookies = %v, want the configured name", cookies)
	}
	d.end(t)

	d = start(t, dir, nil, "--store", "file")
	signIn(t, client, d.url)
	d.end(t)
	if _, err := os.Stat(filepath.Join(dir, "storage", "sessions")); err != nil {
		t.Errorf("--store file kept nothing in the configured folder: %v", err)
	}
}

func TestLoopback(t *testing.T) {
	cmd := (&app{}).tree()
	for addr, want := range map[string]string{
		"127.0.0.1:8000": "127.0.0.1:8000", "localhost:80": "127.0.0.1:80", "[::1]:0": "[::1]:0", "127.9.9.9:1": "127.9.9.9:1",
		":8000": "", "0.0.0.0:8000": "", "[::]:1": "", "192.168.1.2:80": "", "example.com:80": "", "8000": "", "": "",
	} {
		got, err := loopback(cmd, addr)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("loopback(%q) = %q, %v, want %q", addr, got, err, want)
		}
	}
}
