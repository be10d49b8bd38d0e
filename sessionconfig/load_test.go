package sessionconfig

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// value returns the Value of a key.
func value(t *testing.T, c *Config, key string) Value {
	t.Helper()
	all := c.Values()
	i := slices.IndexFunc(all, func(v Value) bool { return v.Key == key })
	if i < 0 {
		t.Fatalf("no value %s", key)
	}
	return all[i]
}

// load is Load for a valid configuration.
func load(t *testing.T, environ []string, opts ...Option) *Config {
	t.Helper()
	c, err := Load("config", append(opts, WithEnv(environ))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each source overrides the ones before it, and each value records its origin.
func TestPrecedence(t *testing.T) {
	const file = "# comment\nstore = \"memory\"\nlifetime = 30\n"
	tests := []struct {
		name    string
		files   map[string]string
		environ []string
		value   string
		origin  string
	}{
		{"default", map[string]string{"config/session.toml": "store = \"memory\""}, nil, `"2h"`, "default"},
		{"file", map[string]string{"config/session.toml": file}, nil, `"30m"`, "config/session.toml:3"},
		{"dotenv", map[string]string{"config/session.toml": file, ".env": "A=b\n\nexport SESSION_LIFETIME=45\n"}, nil, `"45m"`, "SESSION_LIFETIME (.env:3)"},
		{
			"environment", map[string]string{"config/session.toml": file, ".env": "SESSION_LIFETIME=45\n"},
			[]string{"SESSION_LIFETIME=1h"}, `"1h"`, "SESSION_LIFETIME",
		},
		{
			"the last one of the environment", map[string]string{"config/session.toml": file},
			[]string{"SESSION_LIFETIME=1h", "SESSION_LIFETIME=90"}, `"1h30m"`, "SESSION_LIFETIME",
		},
		{"the last one of dotenv", map[string]string{"config/session.toml": file, ".env": "SESSION_LIFETIME=45\nSESSION_LIFETIME=46\n"}, nil, `"46m"`, "SESSION_LIFETIME (.env:2)"},
		{"empty is not set", map[string]string{"config/session.toml": file, ".env": "SESSION_LIFETIME=\n"}, []string{"SESSION_LIFETIME="}, `"30m"`, "config/session.toml:3"},
		{"quoted", map[string]string{"config/session.toml": file, ".env": "SESSION_LIFETIME=\"3h\" # comment\r\n"}, nil, `"3h"`, "SESSION_LIFETIME (.env:1)"},
		{"byte order mark", map[string]string{"config/session.toml": file, ".env": "\ufeffSESSION_LIFETIME=3h\n"}, nil, `"3h"`, "SESSION_LIFETIME (.env:1)"},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, tc.files)
			v := value(t, load(t, tc.environ), "lifetime")
			if v.Value != tc.value || v.Origin.String() != tc.origin || v.Default != (tc.origin == "default") {
				t.Errorf("got %s from %s (default: %v), want %s from %s", v.Value, v.Origin, v.Default, tc.value, tc.origin)
			}
			if v.Variable != "SESSION_LIFETIME" || v.File != "session.toml" {
				t.Errorf("got variable %s of %s", v.Variable, v.File)
			}
		})
	}
}

// Every kind of value can come from a file and from a variable.
func TestKinds(t *testing.T) {
	tests := []struct{ key, toml, variable, want string }{
		{"lifetime", "120", "120", `"2h"`},
		{"lifetime", `"90"`, "1h30m", `"1h30m"`},
		{"lifetime", `"off"`, "OFF", `"off"`},
		{"touch_every", `"always"`, "always", `"always"`},
		{"grace", `"1500ms"`, "1.5s", `"1.5s"`},
		{"clear_with_browser", "true", "yes", "true"},
		{"client", "false", "0", "false"},
		{"same_site", `"Strict"`, "STRICT", `"strict"`},
		{"lifetime", `"1s"`, "1s", `"1s"`},
		{"max_bytes", "65536", "64KiB", `"64KiB"`},
		{"max_bytes", `"2 MiB"`, "2097152", `"2MiB"`},
		{"max_bytes", `"off"`, "off", `"off"`},
		{"max_per_owner", "3", "3", "3"},
		{"max_per_owner", `"off"`, "off", `"off"`},
		{"history", "20", "20", "20"},
		{"history", `"off"`, "off", `"off"`},
		{"trusted_origins", `["https://a.example", "https://b.example"]`, "https://a.example, https://b.example", `["https://a.example", "https://b.example"]`},
		{"token_header", `"Authorization"`, "Authorization", `"Authorization"`},
		{"api_key_headers", `["X-Api-Key", "X-Key"]`, "X-Api-Key, X-Key", `["X-Api-Key", "X-Key"]`},
		{"stores.memory.max_sessions", "7", "7", "7"},
		{"stores.dict.max_sessions", "7", "7", "7"},
	}
	for _, tc := range tests {
		key := strings.Replace(tc.key, "dict", "memory", 1)
		t.Run(tc.key, func(t *testing.T) {
			// A dotted key is valid TOML for a key in a table.
			project(t, map[string]string{"config/session.toml": "store = \"memory\"\n" + tc.key + " = " + tc.toml + "\n"})
			if got := value(t, load(t, nil), key); got.Value != tc.want || got.Origin.Line != 2 {
				t.Errorf("file: got %s from %s, want %s", got.Value, got.Origin, tc.want)
			}
			name := variable(sessionPrefix, tc.key)
			project(t, map[string]string{"config/session.toml": "store = \"memory\"\n"})
			if got := value(t, load(t, []string{name + "=" + tc.variable}), key); got.Value != tc.want || got.Origin.Variable != name {
				t.Errorf("variable: got %s from %s, want %s", got.Value, got.Origin, tc.want)
			}
		})
	}
}

// The manager gets the values from the file.
func TestSessionConfig(t *testing.T) {
	project(t, map[string]string{"config/session.toml": `
store = "memory"
lifetime = "off"
absolute_lifetime = 600
clear_with_browser = true
name = "shop"
path = "/shop"
domain = "example.com"
secure = false
http_only = false
same_site = "strict"
dangerously_allow_http = true
dangerously_allow_script = true
dangerously_drop_host_prefix = true
dangerously_allow_cross_site = true
touch_every = "always"
rotate_every = "1h"
grace = "10s"
store_timeout = "1s"
max_bytes = "off"
max_per_owner = 3
history = 20
dangerously_log_changes = true
prune_every = "1m"
watch_every = "2s"
trusted_origins = ["https://a.example"]
token_header = "Authorization"
token_header_only = true
api_key_headers = ["X-Api-Key"]
client = false
`})
	var seen bool
	cfg := load(t, nil, Configure(func(c *session.Config) {
		seen = c.Cookie.Name == "shop"
		c.RotateEvery = 2 * time.Hour
	})).Session()
	if !seen {
		t.Error("Configure ran before the file was read")
	}
	want := session.Config{
		IdleTimeout: -1, AbsoluteTimeout: 10 * time.Hour, TouchEvery: -1, RotateEvery: 2 * time.Hour, Grace: 10 * time.Second,
		StoreTimeout: time.Second, MaxBytes: -1, MaxPerOwner: 3, PruneEvery: time.Minute, WatchEvery: 2 * time.Second,
	}
	if cfg.IdleTimeout != want.IdleTimeout || cfg.AbsoluteTimeout != want.AbsoluteTimeout || cfg.TouchEvery != want.TouchEvery ||
		cfg.RotateEvery != want.RotateEvery || cfg.Grace != want.Grace || cfg.StoreTimeout != want.StoreTimeout ||
		cfg.MaxBytes != want.MaxBytes || cfg.MaxPerOwner != want.MaxPerOwner || cfg.PruneEvery != want.PruneEvery || cfg.WatchEvery != want.WatchEvery {
		t.Errorf("got %+v, want %+v", cfg, want)
	}
	k := cfg.Cookie
	if k.Name != "shop" || k.Path != "/shop" || k.Domain != "example.com" || k.SameSite != http.SameSiteStrictMode || !k.BrowserSession ||
		!k.DangerouslyAllowHTTP || !k.DangerouslyAllowScript || !k.DangerouslyDropHostPrefix || !k.DangerouslyAllowCrossSite {
		t.Errorf("got cookie %+v", k)
	}
	if !slices.Equal(cfg.TrustedOrigins, []string{"https://a.example"}) {
		t.Errorf("got origins %q", cfg.TrustedOrigins)
	}
	if tr := cfg.Transport; tr.Header != "Authorization" || !tr.HeaderOnly || !slices.Equal(tr.KeyHeaders, []string{"X-Api-Key"}) {
		t.Errorf("got transport %+v", tr)
	}
	r := httptest.NewRequest("GET", "/", nil)
	if cfg.Client == nil || cfg.Client(r) != (session.Client{}) {
		t.Error("client = false records the client")
	}
}

// The switch alone allows HTTP. If secure is set in another source, the source with the
// higher precedence decides.
func TestSwitchAndSetting(t *testing.T) {
	tests := []struct {
		name, file string
		environ    []string
		want       bool // HTTP allowed
		secure     string
		origin     string
	}{
		{"switch alone", "dangerously_allow_http = true", nil, true, "false", "config/session.toml:2"},
		{"both", "secure = false\ndangerously_allow_http = true", nil, true, "false", "config/session.toml:2"},
		{"switch in the environment", "secure = true", []string{"SESSION_DANGEROUSLY_ALLOW_HTTP=true"}, true, "false", "SESSION_DANGEROUSLY_ALLOW_HTTP"},
		{"secure in the environment", "dangerously_allow_http = true", []string{"SESSION_SECURE=true"}, false, "true", "SESSION_SECURE"},
		{"neither", "", nil, false, "true", "default"},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": "store = \"memory\"\n" + tc.file + "\n"})
			c := load(t, tc.environ)
			if got := c.Session().Cookie.DangerouslyAllowHTTP; got != tc.want {
				t.Errorf("HTTP allowed: got %v, want %v", got, tc.want)
			}
			if v := value(t, c, "secure"); v.Value != tc.secure || v.Origin.String() != tc.origin {
				t.Errorf("secure: got %s from %s, want %s from %s", v.Value, v.Origin, tc.secure, tc.origin)
			}
		})
	}
}

// Defaults that depend on lifetime are shown as the manager computes them.
func TestDerivedDefaults(t *testing.T) {
	tests := []struct{ file, touch, absolute string }{
		{"", `"6m"`, `"24h"`},
		{"lifetime = 20", `"1m"`, `"24h"`},
		{`lifetime = "40h"`, `"2h"`, `"40h"`},
		{`lifetime = "off"`, `"1h12m"`, `"24h"`},
		{"lifetime = \"off\"\nabsolute_lifetime = \"off\"", `"480h"`, `"off"`},
		{"touch_every = \"1s\"\nabsolute_lifetime = \"3h\"", `"1s"`, `"3h"`},
	}
	for _, tc := range tests {
		project(t, map[string]string{"config/session.toml": "store = \"memory\"\n" + tc.file + "\n"})
		c := load(t, nil)
		if got := value(t, c, "touch_every").Value; got != tc.touch {
			t.Errorf("%q: touch_every: got %s, want %s", tc.file, got, tc.touch)
		}
		if got := value(t, c, "absolute_lifetime").Value; got != tc.absolute {
			t.Errorf("%q: absolute_lifetime: got %s, want %s", tc.file, got, tc.absolute)
		}
	}
}

// A mistake made in code is not attributed to a line of a file.
func TestConfigureMistake(t *testing.T) {
	project(t, map[string]string{"config/session.toml": "store = \"memory\"\nname = \"shop\"\n"})
	_, err := Load("config", WithEnv(nil), Configure(func(c *session.Config) { c.Cookie.Name = "a b" }))
	want := `session: Config.Cookie.Name = __Host-a b: use letters, digits, - and _, at most 128 of them; it was set in code with sessionconfig.Configure`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWarnings(t *testing.T) {
	tests := []struct {
		name, file string
		environ    []string
		want       string
	}{
		{"memory", `store = "dict"`, nil, `session: config/session.toml:1: store = "dict": forgets all sessions when the program ends, and no other process sees them; use "database" or "file" where that matters`},
		{"null", `store = "null"`, nil, `session: config/session.toml:1: store = "null": keeps nothing: a session lasts for one request`},
		{"synonym", `store = "null"`, []string{"SESSION_COOKIE=x"}, `session: SESSION_COOKIE: is not a setting; did you mean SESSION_NAME?
session: config/session.toml:1: store = "null": keeps nothing: a session lasts for one request`},
		{"other programs", `store = "null"`, []string{
			"SESSION_MANAGER=local/unix:@/tmp/.ICE-unix/1", "XDG_SESSION_ID=3", "SESSION_SECRET=x", "SESSION_KEY=x", "SESSION_ID=1",
			"SESSION_TOKEN=x", "SESSION_TYPE=x11", "SESSIONNAME=Console", "DB_HOST=x", "DB_CONNECTION=pgsql",
		}, `session: config/session.toml:1: store = "null": keeps nothing: a session lasts for one request`},
		{"plain HTTP", "store = \"file\"\ndangerously_allow_http = true", nil, ""},
		{"plain HTTP in public", "store = \"file\"\ndangerously_allow_http = true\ndangerously_drop_host_prefix = true\ndomain = \"example.com\"", nil,
			`session: config/session.toml:2: dangerously_allow_http = true: is for development, but domain is set, as on a public site: anyone on the network can read and set the cookie; ` +
				`remove it where the site is served over HTTPS; for a site that also serves plain HTTP, set Cookie.IsHTTPS with sessionconfig.Configure`},
		{"plain HTTP beside HTTPS", `store = "file"`, []string{"SESSION_SECURE=false", "SESSION_DANGEROUSLY_ALLOW_HTTP=true", "SESSION_TRUSTED_ORIGINS=https://app.example.com"},
			`session: SESSION_DANGEROUSLY_ALLOW_HTTP: dangerously_allow_http = "true": is for development, but trusted_origins has https://app.example.com, as on a public site: anyone on the network can read and set the cookie; ` +
				`remove it where the site is served over HTTPS; for a site that also serves plain HTTP, set Cookie.IsHTTPS with sessionconfig.Configure`},
		{"domain without a dot", "store = \"file\"\ndangerously_drop_host_prefix = true\ndomain = \"intranet\"", nil,
			`session: config/session.toml:3: domain = "intranet": has no dot, so browsers accept the cookie on the host of that name only; remove it`},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": tc.file})
			var log bytes.Buffer
			m, err := Open(t.Context(), "config", WithEnv(tc.environ), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close(t.Context())
			var got []string
			for _, w := range load(t, tc.environ).Warnings() {
				got = append(got, w.Error())
				if msg := strings.ReplaceAll(w.Error(), `"`, `\"`); !strings.Contains(log.String(), msg) {
					t.Errorf("not logged: %s\n%s", msg, &log)
				}
			}
			if text := strings.Join(got, "\n"); text != tc.want {
				t.Errorf("got\n%s\nwant\n%s", text, tc.want)
			}
		})
	}
}
