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
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionconfig"
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

// The demo creates and migrates its database. Sessions survive a restart, in the database and in files.
func TestDemoSurvivesARestart(t *testing.T) {
	for _, store := range []string{"database", "file"} {
		t.Run(store, func(t *testing.T) {
			dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar}

			d := start(t, dir, nil, "--dir", data, "--store", store)
			if text := strings.Join(d.said, "\n"); !strings.Contains(text, data) || !strings.Contains(text, "Store: "+store) {
				t.Errorf("the demo said:\n%s\nwant its folder and its store", text)
			}
			signIn(t, client, d.url)
			if text := page(t, client, d.url+"/account"); !strings.Contains(text, "ada") {
				t.Errorf("not signed in:\n%s", text)
			}
			d.end(t)

			d = start(t, dir, nil, "--dir", data, "--store", store)
			if text := page(t, client, d.url+"/account"); !strings.Contains(text, "ada") {
				t.Errorf("signed out by a restart:\n%s", text)
			}
			d.end(t)
			// Each dialect has its own migrations folder.
			_, err = os.Stat(filepath.Join(data, demoFolder, "migrations", "sqlite", "00001_create_sessions_table.sql"))
			if store == "database" && err != nil {
				t.Error(err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("the current folder has %v, %v, want nothing", entries, err)
			}
		})
	}
}

// project creates a folder whose application keeps its sessions in files, and returns a
// manager of the application.
func project(t *testing.T) (dir string, application *session.Manager) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := "store = \"file\"\ndangerously_allow_http = true\n"
	if err := os.WriteFile(filepath.Join(dir, "config", "session.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	application, err := sessionconfig.Open(t.Context(), filepath.Join(dir, "config"), sessionconfig.WithEnv(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { application.Close(context.Background()) })
	s, err := application.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Login("ada")
	if _, err := application.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return dir, application
}

// owners lists the owners of all sessions, sorted.
func owners(t *testing.T, m *session.Manager) []string {
	t.Helper()
	all := []string{}
	for info, err := range m.ListAll(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Owner)
	}
	slices.Sort(all)
	return all
}

// TestAttackS5DemoInAProject runs the demo in the folder of an application. It must leave the
// store of the application alone, whatever variables and --dir say. With the flag that allows
// it to use that store, it must neither create nor end sessions of accounts, and its tokens
// must give no access to the application, which allows plain HTTP too.
func TestAttackS5DemoInAProject(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"own store", []string{"--dir", "."}, []string{"ada"}},
		{"own file store", []string{"--dir", ".", "--store", "file"}, []string{"ada"}},
		{"configured store", []string{"--" + useConfigured}, []string{"ada", "demo:ada"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, application := project(t)
			d := start(t, dir, []string{"SESSION_STORES__FILE__PATH=" + filepath.Join(dir, "storage", "sessions")}, c.args...)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			client := &http.Client{Jar: jar}
			signIn(t, client, d.url)
			if text := page(t, client, d.url+"/account"); !strings.Contains(text, "Signed in as <span class=\"who\">ada<") {
				t.Errorf("not signed in:\n%s", text)
			}
			resp, err := client.PostForm(d.url+"/sessions/end-others", nil)
			if err != nil {
				t.Fatal(err)
			}
			body(t, resp)
			if got := owners(t, application); !slices.Equal(got, c.want) {
				t.Errorf("the application has the sessions %q, want %q", got, c.want)
			}

			where, err := url.Parse(d.url)
			if err != nil {
				t.Fatal(err)
			}
			cookies := jar.Cookies(where)
			if len(cookies) != 1 || cookies[0].Name == application.CookieName() {
				t.Fatalf("cookies = %v, want one of another name than %q", cookies, application.CookieName())
			}
			s, err := application.Load(t.Context(), session.Token(cookies[0].Value))
			if err != nil || !s.IsNew() || s.Owner() != "" {
				t.Errorf("the token of the demo opens a session of %q in the application, %v", s.Owner(), err)
			}
			d.end(t)
		})
	}
}

// TestAttackS5DemoAnswersOnlyLocalhost sends requests for other hosts, as a browser does after
// a web page has let its host name resolve to 127.0.0.1.
func TestAttackS5DemoAnswersOnlyLocalhost(t *testing.T) {
	d := start(t, t.TempDir(), nil, "--store", "memory", "--dir", t.TempDir())
	for host, want := range map[string]int{
		"localhost": 200, "localhost:1": 200, "LocalHost:80": 200, "127.0.0.1": 200, "127.0.0.1:9": 200, "[::1]": 200, "[::1]:80": 200,
		"evil.example": 421, "evil.example:8000": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421,
		"localhost.": 421, "0.0.0.0": 421, "127.0.0.2": 421, "[::]": 421, "192.168.1.2": 421, "@localhost": 421,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			path, want := "/", want
			if method == http.MethodPost && want == 200 {
				path = "/account/sign-in"
			}
			r, err := http.NewRequest(method, d.url+path, strings.NewReader("name=ada"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if method == http.MethodPost && want == 200 {
				want = 303
			}
			if resp.StatusCode != want || want == 421 && resp.Header["Set-Cookie"] != nil {
				t.Errorf("%s with host %q: %s, cookies %q; want %d", method, host, resp.Status, resp.Header["Set-Cookie"], want)
			}
		}
	}
	d.end(t)
}

func TestLoopback(t *testing.T) {
	cmd := (&app{}).tree()
	for addr, want := range map[string]string{
		"127.0.0.1:8000": "127.0.0.1:8000", "localhost:80": "127.0.0.1:80", "[::1]:0": "[::1]:0", "127.9.9.9:1": "",
		":8000": "", "0.0.0.0:8000": "", "[::]:1": "", "192.168.1.2:80": "", "example.com:80": "", "8000": "", "": "",
	} {
		got, err := loopback(cmd, addr)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("loopback(%q) = %q, %v, want %q", addr, got, err, want)
		}
	}
}
