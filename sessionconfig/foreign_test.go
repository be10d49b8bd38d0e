package sessionconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// cacheConfig has fields of all types that With supports, and of some that it does not.
type cacheConfig struct {
	_ [0]func()

	Addresses   []string
	Database    int
	Password    string
	APIToken    string
	Note        string `secret:"true"`
	Prefix      string `toml:"key_prefix"`
	DialTimeout time.Duration
	ReadOnly    bool
	TLS         struct {
		CAFile     string
		ServerName string
	}
	Hidden string `toml:"-"`
	Hook   func()
	inner  string
}

// cacheStore is a store that can be closed.
type cacheStore struct {
	*memstore.Store
	cfg    cacheConfig
	closed int
}

func (s *cacheStore) Close() error { s.closed++; return nil }

func openCache(_ context.Context, cfg cacheConfig) (*cacheStore, error) {
	var errs []error
	if cfg.Database > 15 {
		errs = append(errs, &session.ConfigError{Field: "Database", Value: cfg.Database, Reason: "must be at most 15"})
	}
	if cfg.TLS.CAFile == "missing" {
		errs = append(errs, &session.ConfigError{Field: "TLS.CAFile", Value: "missing", Reason: "no such file"})
	}
	if len(cfg.Addresses) == 1 && cfg.Addresses[0] == "down" {
		errs = append(errs, errors.New("session: connection refused for "+cfg.Password))
	}
	return &cacheStore{Store: memstore.New(memstore.Config{}), cfg: cfg}, errors.Join(errs...)
}

// Tables, variables and secret files reach the fields of a foreign configuration.
func TestWith(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml": `store = "cache"
[stores.cache]
addresses = ["a:1", "b:2"]
database = 3
note = "n"
key_prefix = "shop:"
dial_timeout = "250ms"
[stores.cache.tls]
ca_file = "ca.pem"
`,
		"secrets/token": "hunter2\r\n",
	})
	environ := []string{
		"SESSION_STORES__CACHE__DATABASE=4", "SESSION_STORES__CACHE__READ_ONLY=true", "SESSION_STORES__CACHE__PASSWORD=hunter2",
		"SESSION_STORES__CACHE__TLS__SERVER_NAME=cache.example", "SESSION_STORES__CACHE__API_TOKEN_FILE=secrets/token",
	}
	m, err := Open(t.Context(), "config", WithEnv(environ), With("cache", openCache))
	if err != nil {
		t.Fatal(err)
	}
	store := m.Store().(*cacheStore)
	got := store.cfg
	if !slices.Equal(got.Addresses, []string{"a:1", "b:2"}) || got.Database != 4 || got.Password != "hunter2" || got.APIToken != "hunter2" ||
		got.Note != "n" || got.Prefix != "shop:" || got.DialTimeout != 250*time.Millisecond || !got.ReadOnly ||
		got.TLS.CAFile != "ca.pem" || got.TLS.ServerName != "cache.example" || got.Hidden != "" || got.inner != "" {
		t.Errorf("got %+v", got)
	}
	if err := m.Close(t.Context()); err != nil || store.closed != 1 {
		t.Errorf("closed %d times (%v), want once", store.closed, err)
	}
	c := load(t, environ, With("cache", openCache))
	for key, want := range map[string]string{
		"stores.cache.password": redacted, "stores.cache.api_token": redacted, "stores.cache.note": redacted,
		"stores.cache.database": "4", "stores.cache.tls.server_name": `"cache.example"`, "stores.cache.dial_timeout": `"250ms"`,
	} {
		if v := value(t, c, key); v.Value != want {
			t.Errorf("%s: got %s, want %s", key, v.Value, want)
		}
	}
}

// Mistakes in the settings of a foreign store are reported with lines.
func TestWithMistakes(t *testing.T) {
	tests := []struct{ name, toml, want string }{
		{"unknown", "databse = 3", `config/session.toml:3: stores.cache.databse: is not a setting; did you mean stores.cache.database?`},
		{"not settable", "hook = 3", `config/session.toml:3: stores.cache.hook: is not a setting; valid here: addresses, api_token, database, dial_timeout, key_prefix, note, password, read_only, tls`},
		{"wrong type", "database = \"3\"\ndial_timeout = 3\naddresses = [1]\npassword = 3", `
config/session.toml:3: stores.cache.database = "3": must be a whole number, without quotes
config/session.toml:4: stores.cache.dial_timeout = 3: is not a duration; use a string such as "30s", "5m" or "1h30m"
config/session.toml:5: stores.cache.addresses = [1]: must be a list of strings, such as ["a", "b"]
config/session.toml:6: stores.cache.password = [redacted]: must be a string; put it in double quotes`},
		{"its own", "database = 16\ntls.ca_file = \"missing\"", `
config/session.toml:3: stores.cache.database = 16: must be at most 15
config/session.toml:4: stores.cache.tls.ca_file = "missing": no such file`},
		{"world", "addresses = [\"down\"]\npassword = \"hunter2\"", `config/session.toml:1: store = "cache": connection refused for [redacted]`},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": "store = \"cache\"\n[stores.cache]\n" + tc.toml + "\n"})
			_, err := Open(t.Context(), "config", WithEnv(nil), With("cache", openCache))
			want := "session: " + strings.ReplaceAll(strings.TrimSpace(tc.want), "\n", "\nsession: ")
			if got := fmt.Sprint(err); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// bareStore implements Store and none of the optional interfaces.
type bareStore struct{ session.Store }

func (s bareStore) Close() error { return s.Store.(*cacheStore).Close() }

// If a setting needs a capability that the store lacks, both Check and Open report that
// setting.
func TestStoreLacksCapability(t *testing.T) {
	const reason = "the store cannot list sessions; implement session.OwnerLister (or session.Lister, which is slower) in the store, or leave the limit out"
	limit := Configure(func(c *session.Config) { c.MaxPerOwner = 3 })
	tests := []struct {
		name, toml string
		environ    []string
		opts       []Option
		want       string
	}{
		{"file", "max_per_owner = 2\n", nil, nil, "session: config/session.toml:2: max_per_owner = 2: " + reason},
		{"variable", "", []string{"SESSION_MAX_PER_OWNER=2"}, nil, `session: SESSION_MAX_PER_OWNER: max_per_owner = "2": ` + reason},
		{"code", "", nil, []Option{limit}, "session: Config.MaxPerOwner = 3: " + reason + "; it was set in code with sessionconfig.Configure"},
		{"no limit", "max_per_owner = \"off\"\n", nil, nil, "<nil>"},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": "store = \"bare\"\n" + tc.toml})
			opened := 0
			var store *cacheStore
			with := With("bare", func(context.Context, struct{}) (bareStore, error) {
				opened++
				store = &cacheStore{Store: memstore.New(memstore.Config{})}
				return bareStore{store}, nil
			})
			c := load(t, tc.environ, append(tc.opts, with)...)
			if got := fmt.Sprint(c.Check(t.Context())); got != tc.want {
				t.Errorf("Check: got\n%s\nwant\n%s", got, tc.want)
			}
			m, err := c.Open(t.Context())
			if got := fmt.Sprint(err); got != tc.want {
				t.Errorf("Open: got\n%s\nwant\n%s", got, tc.want)
			}
			if m != nil {
				m.Close(t.Context())
			}
			if opened != 2 || store.closed != 1 {
				t.Errorf("opened %d times, the last one closed %d times; want 2 and 1", opened, store.closed)
			}
		})
	}
}

func TestWithName(t *testing.T) {
	project(t, map[string]string{"config/session.toml": `store = "memory"`})
	for _, name := range []string{"memory", "Redis", "", "a.b", "a__b"} {
		if _, err := Load("config", WithEnv(nil), With(name, openCache)); err == nil || !strings.Contains(err.Error(), "is not a valid store name") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := Load("config", WithEnv(nil), With("cache", func(context.Context, *cacheConfig) (session.Store, error) { return nil, nil })); err == nil ||
		!strings.Contains(err.Error(), "takes its configuration as *sessionconfig.cacheConfig, which is not a struct") {
		t.Errorf("got %v", err)
	}
	// The table of a registered store is checked even if another store is in use.
	project(t, map[string]string{"config/session.toml": "store = \"memory\"\n[stores.my-redis]\ndatabas = 1\n"})
	if _, err := Load("config", WithEnv(nil), With("my-redis", openCache)); err == nil || !strings.Contains(err.Error(), ":3: stores.my-redis.databas") {
		t.Errorf("got %v", err)
	}
}

func TestSnake(t *testing.T) {
	for name, want := range map[string]string{
		"Addr": "addr", "MaxConns": "max_conns", "TLS": "tls", "TLSServer": "tls_server", "CAFile": "ca_file", "HTTP2Only": "http2_only", "URL": "url",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
