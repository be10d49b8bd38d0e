package sessionconfig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// withRedis records what the store is opened with.
func withRedis(got *string, store *poolStore, err error) Option {
	return WithRedis(func(ctx context.Context, url, prefix string) (*poolStore, error) {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > answerTime {
			err = fmt.Errorf("got the deadline %v", d)
		}
		*got = url + " " + prefix
		return store, err
	})
}

// The function registered with WithRedis gets every setting of the connection, and the manager
// closes the store that it returns.
func TestWithRedis(t *testing.T) {
	for _, tc := range []struct {
		name, session, redis string
		environ              []string
		want                 string
	}{
		{"one variable", "", "", []string{"REDIS_CONNECTIONS__MAIN__URL=rediss://u:p@h:1/2?pool_size=3"}, "rediss://u:p@h:1/2?pool_size=3 session:"},
		{"secret file", "", "", []string{"REDIS_CONNECTIONS__MAIN__URL_FILE=secret"}, "redis://u:p@secret session:"},
		{"addresses", "", "", []string{"REDIS_CONNECTIONS__MAIN__ADDRESSES=h:1"}, "redis://h:1/0 session:"},
		{"template", "", RedisTemplate(), nil, "redis://127.0.0.1:6379/0 session:"},
		{
			"one server", "[stores.redis]\nprefix = \"shop:\"", "[connections.main]\naddresses = [\"[::1]:6380\"]\ndatabase = 3\nusername = \"u\"\npassword = \"p@/:\"\npool_size = 5\nauto_pipeline = true",
			nil, "redis://u:p%40%2F%3A@[::1]:6380/3?auto_pipeline=true&pool_size=5 shop:",
		},
		{
			"sentinel", "", "[connections.main]\nsentinel_master = \"shop\"\naddresses = [\"a:1\", \"b:2\"]\nusername = \"u\"\npassword = \"p\"\nsentinel_username = \"s\"\nsentinel_password = \"q\"",
			nil, "redis://s:q@a:1/0?addr=b%3A2&master_name=shop&password=p&username=u session:",
		},
		{"default sentinel", "", "[connections.main]\nsentinel_master = \"shop\"", nil, "redis://127.0.0.1:26379/0?master_name=shop session:"},
		{
			"cluster with TLS", "", "[connections.main]\ncluster = true\naddresses = [\"a:1\", \"b:2\"]\npassword = \"p\"\ntls = true\ntls_ca_file = \"/ca\"\ntls_server_name = \"redis\"",
			nil, "rediss://:p@a:1?addr=b%3A2&cluster=true&tls_ca_file=%2Fca&tls_server_name=redis session:",
		},
		{
			"chosen connection", "", "default = \"a\"\n[connections.a]\n[connections.b]\ndatabase = 7", []string{"SESSION_STORES__REDIS__CONNECTION=B"},
			"redis://127.0.0.1:6379/7 session:",
		},
		{"default connection", "", "[connections.a]\n[connections.b]\ndatabase = 7", []string{"REDIS_CONNECTION=b"}, "redis://127.0.0.1:6379/7 session:"},
		{
			"a URL over the file", "", "[connections.main]\naddresses = [\"a:1\"]\npassword = \"p\"", []string{"REDIS_CONNECTIONS__MAIN__URL=redis://h"},
			"redis://h session:",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string]string{"config/session.toml": "store = \"redis\"\n" + tc.session, "secret": "redis://u:p@secret\n"}
			if tc.redis != "" {
				files["config/redis.toml"] = tc.redis
			}
			project(t, files)
			var got string
			store := &poolStore{Store: memstore.New(memstore.Config{})}
			m, err := Open(t.Context(), "config", WithEnv(tc.environ), withRedis(&got, store, nil))
			if err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if err := m.Close(t.Context()); err != nil || store.closed != 1 {
				t.Errorf("Close: %v; the store was closed %d times", err, store.closed)
			}
		})
	}
}

func TestRedisMistakes(t *testing.T) {
	for _, tc := range []struct {
		redis   string
		environ []string
		want    string
	}{
		{"", nil, "config/redis.toml: defines no connection, but the redis store needs one; set REDIS_CONNECTIONS__MAIN__URL=redis://127.0.0.1:6379/0, or add a table such as [connections.main] to redis.toml"},
		{"[connections.a]\n[connections.b]", nil, "config/redis.toml: default: does not say which connection to use; configured: a, b"},
		{"default = \"c\"\n[connections.a]", nil, `config/redis.toml:1: default = "c": is not a configured connection; configured: a`},
		{"", []string{"SESSION_STORES__REDIS__CONNECTION=cache"}, `SESSION_STORES__REDIS__CONNECTION: stores.redis.connection = "cache": is not a configured connection; set REDIS_CONNECTIONS__CACHE__URL=`},
		{"[connections.main]\naddress = \"h\"", nil, "config/redis.toml:2: connections.main.address: is not a setting; did you mean connections.main.addresses?"},
		{"[connections.main]", []string{"REDIS_CONNECTIONS__MAIN__PASWORD=x"}, "REDIS_CONNECTIONS__MAIN__PASWORD: is not a setting; did you mean REDIS_CONNECTIONS__MAIN__PASSWORD?"},
		{"[connections.main]", []string{"REDIS_CONNECTIONS__OTHER__PASSWORD=x"}, `REDIS_CONNECTIONS__OTHER__PASSWORD: the connection "other" does not exist; configured: main; or create it with REDIS_CONNECTIONS__OTHER__URL`},
		{"[connections.main]\nurl = \"redis://h\"\npassword = \"hunter2\"", nil, "connections.main.password = [redacted]: has no effect because url is set"},
		{"[connections.main]\naddresses = [\"redis://:hunter2@h:1\"]", nil, "must be a list of addresses"},
		{"[connections.main]\naddresses = [\"a:1\", \"b:1\"]", nil, "has several servers"},
		{"[connections.main]\ncluster = true\nsentinel_master = \"m\"", nil, "contradicts sentinel_master"},
		{"[connections.main]\ncluster = true\ndatabase = 1", nil, "does not apply to a cluster"},
		{"[connections.main]\ndatabase = -1", nil, "is not the number of a database"},
		{"[connections.main]\nsentinel_password = \"hunter2\"", nil, "has no effect without sentinel_master"},
		{"[connections.main]\ntls_ca_file = \"f\"", nil, "has no effect without tls"},
		{"[connections.main]\ntls = true\ntls_key_file = \"f\"", nil, "needs the other half"},
	} {
		files := map[string]string{"config/session.toml": "store = \"redis\""}
		if tc.redis != "" {
			files["config/redis.toml"] = tc.redis
		}
		project(t, files)
		var got string
		_, err := Open(t.Context(), "config", WithEnv(tc.environ), withRedis(&got, nil, errors.New("unexpected")))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s %s:\ngot  %v\nwant %s", tc.redis, tc.environ, err, tc.want)
		}
		if got != "" {
			t.Errorf("%s %s: the store was opened with %s", tc.redis, tc.environ, got)
		}
	}
}

// An error of the store names the connection, and no secret, and closes the store.
func TestRedisFails(t *testing.T) {
	const secret = "hun/ter2"
	project(t, map[string]string{
		"config/session.toml": "store = \"redis\"\n[stores.redis]\nprefix = \"{}\"",
		"config/redis.toml":   "[connections.main]\npassword = \"" + secret + "\"",
	})
	for want, err := range map[string]error{
		"config/redis.toml: connections.main.addresses":                                         errors.New("session: cannot reach redis://:hun%2Fter2@127.0.0.1:6379 with hun/ter2"),
		"config/session.toml:3: stores.redis.prefix = \"{}\": use letters only":                 &session.ConfigError{Field: "Prefix", Value: "{}", Reason: "use letters only"},
		"connections.main.addresses = [\"127.0.0.1:6379\"]: the server does not answer in time": context.DeadlineExceeded,
	} {
		var got string
		store := &poolStore{Store: memstore.New(memstore.Config{})}
		_, failed := Open(t.Context(), "config", WithEnv(nil), withRedis(&got, store, err))
		if failed == nil || !strings.Contains(failed.Error(), strings.TrimPrefix(want, "config/redis.toml: ")) || strings.Contains(fmt.Sprintf("%+v", failed), "ter2") {
			t.Errorf("got %v\nwant %s", failed, want)
		}
		store.check = err
		_, failed = Open(t.Context(), "config", WithEnv(nil), withRedis(&got, store, nil))
		if failed == nil || strings.Contains(fmt.Sprintf("%+v", failed), "ter2") || store.closed != 1 {
			t.Errorf("Check: got %v; the store was closed %d times", failed, store.closed)
		}
	}
}

// Values lists the connections without their secrets.
func TestRedisValues(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml": "store = \"redis\"",
		"config/redis.toml":   "[connections.main]\npassword = \"hunter2\"\n[connections.other]\nurl = \"redis://:hunter2@h\"",
	})
	var got string
	c, err := Load("config", WithEnv([]string{"REDIS_CONNECTION=main"}), withRedis(&got, nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for _, v := range c.Values() {
		lines[fmt.Sprintf("%s %s=%s %s", v.File, v.Key, v.Value, v.Variable)] = true
		if strings.Contains(fmt.Sprintf("%+v", v), "hunter2") {
			t.Errorf("got %+v", v)
		}
	}
	for _, want := range []string{
		"session.toml stores.redis.connection=\"main\" SESSION_STORES__REDIS__CONNECTION",
		"redis.toml default=\"main\" REDIS_CONNECTION",
		"redis.toml connections.main.addresses=[\"127.0.0.1:6379\"] REDIS_CONNECTIONS__MAIN__ADDRESSES",
		"redis.toml connections.main.password=[redacted] REDIS_CONNECTIONS__MAIN__PASSWORD",
		"redis.toml connections.main.tls=false REDIS_CONNECTIONS__MAIN__TLS",
		"redis.toml connections.other.url=[redacted] REDIS_CONNECTIONS__OTHER__URL",
	} {
		if !lines[want] {
			t.Errorf("no line %s in %v", want, sortedKeys(lines))
		}
	}
}

// The template of redis.toml lists every setting of a connection.
func TestRedisTemplate(t *testing.T) {
	d := flat(t, uncomment(RedisTemplate()))
	for _, sp := range redisConnectionSpecs {
		e, ok := d.entries["connections.main."+sp.key]
		if !ok {
			t.Errorf("%s is missing", sp.key)
			continue
		}
		delete(d.entries, "connections.main."+sp.key)
		if sp.def != "" && e.text != sp.def {
			t.Errorf("%s: got %s, want the default %s", sp.key, e.text, sp.def)
		}
	}
	delete(d.entries, "default")
	if len(d.entries) > 0 {
		t.Errorf("unknown: %v", sortedKeys(d.entries))
	}
}
