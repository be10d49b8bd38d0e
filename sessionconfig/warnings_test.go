package sessionconfig

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// warnings returns the texts of the warnings, without "session: ".
func warnings(c *Config) string {
	var all []string
	for _, w := range c.Warnings() {
		all = append(all, strings.TrimPrefix(w.Error(), "session: "))
	}
	return strings.Join(all, "\n")
}

// TestAttackS10SwitchInDotenv sets every dangerous switch in every source. In .env, it draws
// a warning, which Open logs once.
func TestAttackS10SwitchInDotenv(t *testing.T) {
	type vault struct{ DangerouslyTrustAll bool }
	with := With("vault", func(context.Context, vault) (session.Store, error) { return session.Discard, nil })
	for _, tc := range []struct{ key, more, because string }{
		{"dangerously_allow_http", "", ", because it weakens the cookie: anyone on the network can then read and set it"},
		{"dangerously_allow_script", "", ", because it weakens the cookie: an injected script can then steal it"},
		{"dangerously_drop_host_prefix", `domain = "example.com"`, ", because it weakens the cookie: subdomains can then read and set it"},
		{"dangerously_allow_cross_site", `same_site = "none"`, ", because it weakens the cookie: requests from other sites then carry it"},
		{"stores.file.dangerously_no_sync", "", ""},
		{"stores.vault.dangerously_trust_all", "", ""},
	} {
		name := variable(sessionPrefix, tc.key)
		toml, in := "store = \"file\"\n"+tc.more+"\n", tc.key
		if table, key, ok := strings.Cut(tc.key, ".dangerously"); ok {
			toml, in = toml+"["+table+"]\n", "dangerously"+key
		}
		project(t, map[string]string{"config/session.toml": toml, ".env": "\n" + name + "=true\n"})
		var log bytes.Buffer
		m, err := Open(t.Context(), "config", WithEnv(nil), WithLogger(slog.New(slog.NewTextHandler(&log, nil))), with)
		if err != nil {
			t.Fatal(err)
		}
		m.Close(t.Context())
		want := name + ` (.env:2): ` + tc.key + ` = "true": is for development` + tc.because + "; remove it from .env on a server"
		if got := warnings(load(t, nil, quiet, with)); got != want || strings.Count(log.String(), tc.key) != 1 {
			t.Errorf("%s:\ngot  %s\nwant %s\nlog  %s", tc.key, got, want, &log)
		}
		if got := warnings(load(t, []string{name + "=true"}, quiet, with)); got != "" { // a choice for this process
			t.Errorf("%s: got %s", name, got)
		}
		project(t, map[string]string{"config/session.toml": toml + in + " = true\n"}) // reviewed with the program
		if tc.more != "" {
			project(t, map[string]string{"config/session.toml": in + " = true\n" + toml})
		}
		if got := warnings(load(t, nil, quiet, with)); got != "" {
			t.Errorf("%s in session.toml: got %s", tc.key, got)
		}
	}
}

// TestAttackS10WritableFiles warns of files that every user can change, and of files that
// belong to another one.
func TestAttackS10WritableFiles(t *testing.T) {
	files := map[string]string{"config/session.toml": "store = \"null\"\n", "config/database.toml": "", ".env": "SESSION_STORE=file\n"}
	for name := range files {
		project(t, files)
		if got := warnings(load(t, nil, quiet)); got != "" {
			t.Fatalf("got %s", got)
		}
		if err := os.Chmod(name, 0o646); err != nil {
			t.Fatal(err)
		}
		want := name + ": can be changed by every user of this computer (mode 0646); run: chmod o-w " + name
		if runtime.GOOS == "windows" {
			want = "" // it has no such modes
		}
		if got := warnings(load(t, nil, quiet)); filepath.ToSlash(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := os.Chmod(name, 0o664); err != nil { // a group is a choice
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(name, 65534, 65534); err != nil {
				t.Fatal(err)
			}
			want := name + ": belongs to user 65534, who can change it, but this program runs as user 0; run: chown 0 " + name + " (or chown root)"
			if got := warnings(load(t, nil, quiet)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		} else if got := warnings(load(t, nil, quiet)); got != "" {
			t.Errorf("got %s", got)
		}
	}
}

// TestField18ConfigWarnings warns of plain HTTP on what looks like a public site, and of
// domains for which no browser keeps a cookie.
func TestField18ConfigWarnings(t *testing.T) {
	const http = "dangerously_allow_http = true\n"
	const domain = "dangerously_drop_host_prefix = true\ndomain = "
	const database = "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n"
	for _, tc := range []struct{ session, database, want string }{
		{"store = \"file\"\n" + http, database + `host = "db.example.com"`, ""}, // not used for sessions
		{http, database, ""},
		{http, database + `host = "localhost"`, ""},
		{http, database + `host = "127.0.0.2"`, ""},
		{http, database + `host = "::1"`, ""},
		{http, database + `host = "db"`, ""},
		{http, database + `host = "/run/mysqld.sock"`, ""},
		{http, database + `host = "host.docker.internal"`, ""},
		{http, database + `host = "db.example.com"`, "the database is on db.example.com"},
		{http, database + `host = "10.1.2.3"`, "the database is on 10.1.2.3"},
		{"", database + `host = "10.1.2.3"`, ""},
		{http + `trusted_origins = ["http://localhost:3000"]`, database, ""},
		{http + `trusted_origins = ["HTTPS://app.example.com"]`, database, "trusted_origins has HTTPS://app.example.com"},
		{http + domain + `"example.com"`, database, "domain is set"},
		{domain + `"example.com"`, database, ""},
		{domain + `"intranet"`, database, "has no dot"},
		{domain + `".intranet"`, database, "has no dot"},
	} {
		project(t, map[string]string{"config/session.toml": tc.session + "\n", "config/database.toml": tc.database + "\n"})
		switch got := warnings(load(t, nil, quiet)); {
		case tc.want == "" && got != "":
			t.Errorf("%s%s: got %s", tc.session, tc.database, got)
		case !strings.Contains(got, tc.want) || strings.Count(got, "\n") > 0:
			t.Errorf("%s%s: got %s, want %s", tc.session, tc.database, got, tc.want)
		}
	}
}
