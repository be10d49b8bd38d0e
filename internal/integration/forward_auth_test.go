package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/memstore"
)

// TestForwardAuthBehindNginx runs the configuration of docs/forward-auth.md in nginx: a program
// behind it gets signed-in requests only, with the owner that the session has.
func TestForwardAuthBehindNginx(t *testing.T) {
	program := testserver.DSN(t, testserver.Nginx)
	text, err := os.ReadFile("../../docs/forward-auth.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```nginx\n")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("docs/forward-auth.md has no configuration of nginx")
	}

	m, err := session.New(memstore.New(memstore.Config{}), session.Config{
		Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}, Transport: session.TransportConfig{Header: "Authorization"},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth", m.ForwardAuth(session.ForwardAuthConfig{}))
	mux.HandleFunc("/login", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login(r.FormValue("as"))
		fmt.Fprint(w, session.ReturnPath(r, "/"))
	}))
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	wiki := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %q", r.Method, r.URL.Path, r.Header["Remote-User"])
	}))
	t.Cleanup(wiki.Close)
	block = strings.ReplaceAll(block, "http://127.0.0.1:8080", app.URL)
	block = strings.ReplaceAll(block, "http://127.0.0.1:9000", wiki.URL)
	dir, err := server.Dir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	proxy, err := server.StartNginx(t.Context(), program, filepath.Join(dir, "nginx"), block)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	send := func(method, path string, header map[string]string) (status int, location, body string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, proxy.Address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			r.Header.Set(name, value)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		location = strings.TrimPrefix(res.Header.Get("Location"), proxy.Address)
		return res.StatusCode, location, string(text)
	}
	forged := map[string]string{"Remote-User": "root"}
	if status, location, _ := send("GET", "/wiki/a", forged); status != 303 || location != "/login?return_to=/wiki/a" {
		t.Errorf("nobody: %d to %q", status, location)
	}
	if status, _, _ := send("GET", "/auth", nil); status != 404 {
		t.Errorf("/auth from outside: %d", status)
	}
	if status, _, body := send("POST", "/login?as=ann&return_to=/wiki/a", nil); status != 200 || body != "/wiki/a" {
		t.Errorf("login: %d %q", status, body)
	}
	if status, _, body := send("GET", "/wiki/a", forged); status != 200 || body != `GET /wiki/a ["ann"]` {
		t.Errorf("signed in: %d %q", status, body)
	}
	if status, _, body := send("PUT", "/wiki/a", map[string]string{"Origin": proxy.Address}); status != 200 || body != `PUT /wiki/a ["ann"]` {
		t.Errorf("a write: %d %q", status, body)
	}
	for name, header := range map[string]map[string]string{
		"a write of another site":               {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"one that hides its method":             {"Sec-Fetch-Site": "cross-site", "X-Forwarded-Method": "GET", "X-Original-Method": "GET"},
		"one that hides its host":               {"Origin": "http://evil.example", "X-Forwarded-Host": "evil.example"},
		"an old browser's, from another origin": {"Origin": "http://evil.example"},
	} {
		if status, _, body := send("POST", "/wiki/a", header); status != 403 || strings.Contains(body, "ann") {
			t.Errorf("%s: %d %q", name, status, body)
		}
	}
	if status, _, body := send("GET", "/wiki/a", map[string]string{"Authorization": "Bearer x"}); status != 303 || strings.Contains(body, "ann") {
		t.Errorf("an unknown token beside the cookie: %d %q", status, body)
	}
	// An owner that no header can carry lets nobody in.
	if status, _, _ := send("POST", "/login?as="+url.QueryEscape("eve\r\nRemote-User: root"), nil); status != 200 {
		t.Errorf("login: %d", status)
	}
	if status, _, body := send("GET", "/wiki/a", forged); status != 500 || strings.Contains(body, "root") {
		t.Errorf("an owner with a line break: %d %q", status, body)
	}
}
