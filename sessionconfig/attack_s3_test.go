package sessionconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// secretServer is the configuration of a store whose fields have names like those of real
// clients. The tag of Prefix says that it is not a secret.
type secretServer struct {
	SentinelPassword, SSLPassphrase, Userpass, APIKey, Apikey, Auth, Pass, Pwd, Passwd string
	AccessKeyID, PrivatePEM, Bearer, Credentials, WebhookURL, DSN                      string
	Tokens                                                                             []string
	Pin                                                                                int `secret:"true"`
	Secret                                                                             struct{ Value string }
	Host                                                                               string
	Prefix                                                                             string `toml:"key_prefix" secret:"false"`
	AuthRequired                                                                       bool
	Keys                                                                               int
}

// secretConfig loads a configuration with the secret everywhere, and a store that cannot be
// opened.
func secretConfig(t *testing.T) *Config {
	t.Helper()
	var toml strings.Builder
	for _, key := range []string{
		"sentinel_password", "ssl_passphrase", "userpass", "api_key", "apikey", "auth", "pass", "pwd", "passwd", "access_key_id", "private_pem",
		"bearer", "credentials", "webhook_url", "dsn", "secret.value",
	} {
		fmt.Fprintf(&toml, "%s = %q\n", key, secret)
	}
	project(t, map[string]string{
		"config/session.toml": "store = \"server\"\n[stores.server]\n" + toml.String() +
			"tokens = [" + fmt.Sprintf("%q", secret) + "]\npin = 240893\nhost = \"db.example\"\nkey_prefix = \"shop:\"\nauth_required = true\nkeys = 240893\n",
		"config/database.toml": "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\nhost = \"refused\"\nuser = \"app\"\npassword = " + fmt.Sprintf("%q", secret) +
			"\n[connections.main.options]\nallowNativePasswords = true\ncharset = \"utf8mb4\"\nsslpassword = " + fmt.Sprintf("%q", secret) +
			"\nsentinel_auth = " + fmt.Sprintf("%q", secret) + "\nsslkey = " + fmt.Sprintf("%q", secret) + "\napikey = 240893\n",
	})
	open := func(_ context.Context, cfg secretServer) (session.Store, error) {
		return nil, errors.Join(
			&session.ConfigError{Field: "APIKey", Value: cfg.APIKey, Reason: fmt.Sprintf("%q is not a key", cfg.APIKey)},
			&session.ConfigError{Field: "Host", Value: cfg.Host, Reason: fmt.Sprintf("is unknown: GET https://x:%s@%s/%d", cfg.Pass, cfg.Host, cfg.Pin)},
		)
	}
	return load(t, nil, quiet, With("server", open))
}

// leaks fails the test if text contains a part of the secret.
func leaks(t *testing.T, what, text string) {
	t.Helper()
	for _, piece := range []string{"hunter2", "p@ss", "p%40ss", "w:rd", "w%3Ard", "240893"} {
		if strings.Contains(text, piece) {
			t.Errorf("%s shows %q:\n%s", what, piece, text)
			return
		}
	}
}

// everyForm returns a value in all the forms in which a program prints or logs it.
func everyForm(t *testing.T, v any) string {
	t.Helper()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", []any{v})
	}
	text, js := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	text.Info("x", "v", v)
	js.Info("x", "v", v)
	if err := json.NewEncoder(&out).Encode(v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestAttackS3ConfigPrintsNoSecret prints and logs every exported type.
func TestAttackS3ConfigPrintsNoSecret(t *testing.T) {
	c := secretConfig(t)
	if got := c.connections["main"].settings.text("password"); got != secret {
		t.Fatalf("the configuration does not contain the secret, but %q", got)
	}
	con, err := c.Connection("main")
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		c    *Config
		copy Config
		con  Connection
	}
	for name, v := range map[string]any{
		"*Config": c, "Config": *c, "a struct with a Config": holder{c, *c, con}, "a pointer to that": &holder{c, *c, con},
		"Values": c.Values(), "Warnings": c.Warnings(), "Connection": con, "*Connection": &con, "Connections": c.Connections(), "Table": c.Table(),
		"Session": fmt.Sprintf("%+v %#v", c.Session(), c.Session()),
	} {
		leaks(t, name, everyForm(t, v))
	}
}

// TestAttackS3ErrorsPrintNoSecret prints the errors of a store and of a driver, and all that
// they wrap, as programs that report errors do.
func TestAttackS3ErrorsPrintNoSecret(t *testing.T) {
	c := secretConfig(t)
	_, storeErr := c.OpenStore(t.Context())
	_, driverErr := c.OpenDB(t.Context(), "main")
	var walk func(err error)
	walk = func(err error) {
		leaks(t, fmt.Sprintf("%T", err), everyForm(t, err))
		if m, ok := err.(*Error); ok {
			leaks(t, "a copy of an Error", everyForm(t, *m))
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			for _, sub := range e.Unwrap() {
				walk(sub)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	for _, err := range []error{storeErr, driverErr} {
		if err == nil {
			t.Fatal("no error")
		}
		walk(err)
	}
	var field *session.ConfigError
	if !errors.As(storeErr, &field) || field.Field != "APIKey" {
		t.Errorf("errors.As finds %v", field)
	}
}

// TestAttackS3UnusualDSN gives a driver addresses with a password in unusual places; the
// driver quotes all or a part of them.
func TestAttackS3UnusualDSN(t *testing.T) {
	for _, dsn := range []string{
		"MySQL://u:%s@refused/app?application_name=a@b",
		"postgres://refused/app?user=u&password=%s",
		"postgres://u@refused/app?sslpassword=%s",
		"postgres://refused/app?user=u&pass=%s&x=y@z",
		"Server=refused;Uid=u;Pwd=%s;Database=app",
		"host=refused user=u password = '%s' dbname=app",
		"host=refused user=u sslpassword='%s'",
		"jdbc:mysql://refused/app?user=u&auth_token=%s",
		"u:%s@unix(/run/refused)/app?tls=a@b",
		"file:refused.db?_auth_user=u&_auth_pass=%s&_pragma_key=%s",
		"%s@refused:3306",
	} {
		for _, pw := range []string{"hunter2p@ss", "hunter2p%40ss", "hunter2p%40ss%2fw%3ard", "hun"} {
			project(t, map[string]string{"config/session.toml": "store = \"null\"\n", "config/database.toml": "[connections.main]\ndriver = \"mysql\"\n"})
			c := load(t, []string{"DB_CONNECTIONS__MAIN__DSN=" + strings.ReplaceAll(dsn, "%s", pw)}, quiet)
			_, err := c.OpenDB(t.Context(), "main")
			if err == nil {
				t.Fatal("no error")
			}
			out := everyForm(t, err) + everyForm(t, c.Values())
			leaks(t, dsn+" with "+pw, out)
			if strings.Contains(out, "hun") {
				t.Errorf("%s with %s:\n%s", dsn, pw, out)
			}
		}
	}
}

// TestAttackS3NameInAddress puts parameters with a password where only a name belongs.
func TestAttackS3NameInAddress(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml":  "store = \"null\"\n",
		"config/database.toml": "[connections.main]\ndriver = \"mysql\"\nhost = \"refused\"\ndatabase = \"app?auth_token=hunter2&x=y\"\n",
	})
	c := load(t, nil, quiet)
	con, err := c.Connection("main")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.OpenDB(t.Context(), "main")
	leaks(t, "the connection", everyForm(t, con)+everyForm(t, err)+everyForm(t, c.Values()))
	if !strings.Contains(con.String(), "refused:3306/app?auth_token=[redacted]&x=y") {
		t.Errorf("got %s", con)
	}
}

// TestAttackS10SecretNames looks at what Values shows and hides of settings with various
// names; config show prints it.
func TestAttackS10SecretNames(t *testing.T) {
	c := secretConfig(t)
	shown := map[string]string{
		"stores.server.host": `"db.example"`, "stores.server.key_prefix": `"shop:"`, "stores.server.auth_required": "true",
		"connections.main.host": `"refused"`, "connections.main.options.charset": `"utf8mb4"`, "connections.main.options.allowNativePasswords": "true",
	}
	hidden := 0
	for _, v := range c.Values() {
		want, public := shown[v.Key]
		switch {
		case public && (v.Value != want || v.Secret):
			t.Errorf("%s: got %s, %v; want %s", v.Key, v.Value, v.Secret, want)
		case !public && (strings.HasPrefix(v.Key, "stores.server.") || strings.HasPrefix(v.Key, "connections.main.options.")):
			hidden++
			if v.Value != redacted || !v.Secret {
				t.Errorf("%s: got %s, %v; want it hidden", v.Key, v.Value, v.Secret)
			}
		}
	}
	if hidden != 23 {
		t.Errorf("%d settings are hidden", hidden)
	}
}

// TestAttackS10SecretFiles reads fields whose names end in _FILE themselves, beside the
// secrets that a file may contain.
func TestAttackS10SecretFiles(t *testing.T) {
	type tls struct{ Key, KeyFile, Token string }
	var got tls
	open := func(_ context.Context, cfg tls) (session.Store, error) { got = cfg; return session.Discard, nil }
	project(t, map[string]string{"config/session.toml": "store = \"tls\"\n", "pw": "hunter2\n"})
	c := load(t, []string{"SESSION_STORES__TLS__KEY_FILE=/etc/key.pem", "SESSION_STORES__TLS__TOKEN_FILE=pw"}, quiet, With("tls", open))
	if _, err := c.OpenStore(t.Context()); err != nil || got != (tls{KeyFile: "/etc/key.pem", Token: "hunter2"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Check looks with other settings than Open, and leaves those of the Config alone.
func TestCheckThenOpen(t *testing.T) {
	project(t, map[string]string{"config/session.toml": "store = \"file\"\n"})
	c := load(t, nil, quiet)
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := c.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Set("a", 1)
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Error(err)
	}
}
