package sessionconfig

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// fake is registered as the MySQL driver. It refuses DSNs that contain "refused", with an
// error that quotes the whole DSN.
type fake struct{}

func init() { sql.Register("mysql", fake{}) }

func (fake) Open(dsn string) (driver.Conn, error) {
	if strings.Contains(dsn, "refused") {
		return nil, errors.New("dial " + dsn + ": connection refused")
	}
	return conn{}, nil
}

type conn struct{}

func (conn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("this database understands nothing")
}
func (conn) Close() error              { return nil }
func (conn) Begin() (driver.Tx, error) { return nil, errors.New("this database understands nothing") }

const secret = "hunter2 'p@ss/w:rd"

var secretTests = []struct {
	name     string
	session  string
	database string
	dotenv   string
	environ  []string
	files    map[string]string
}{
	{name: "right", database: "password = " + fmt.Sprintf("%q", secret)},
	{name: "refused", database: "host = \"refused\"\nuser = \"u\"\npassword = " + fmt.Sprintf("%q", secret)},
	{name: "misspelt", database: "pasword = " + fmt.Sprintf("%q", secret)},
	{name: "misspelt-host", database: "password = " + fmt.Sprintf("%q", secret) + "\nhots = \"x\""},
	{name: "as-user", database: "user = 3\npassword = [" + fmt.Sprintf("%q", secret) + "]"},
	{name: "unquoted", database: "password = " + secret},
	{name: "unclosed", database: "password = \"" + secret},
	{name: "twice", database: fmt.Sprintf("password = %q\npassword = %q", secret, secret)},
	{name: "variable", environ: []string{"DB_CONNECTIONS__MAIN__HOST=refused", "DB_CONNECTIONS__MAIN__PASSWORD=" + secret}},
	{name: "misspelt-variable", environ: []string{"DB_CONNECTIONS__MAIN__PASWORD=" + secret, "SESSION_LIFTIME=" + secret, "SESSION_STORES__X__Y=" + secret}},
	{name: "dotenv", dotenv: "DB_CONNECTIONS__MAIN__HOST=refused\nDB_CONNECTIONS__MAIN__PASSWORD=\"" + secret + "\"\n"},
	{name: "dotenv-unclosed", dotenv: "DB_CONNECTIONS__MAIN__PASSWORD=\"" + secret + "\n"},
	{name: "dotenv-broken-before", dotenv: "what is this\nDB_CONNECTIONS__MAIN__PASSWORD=\"" + secret + "\"\n"},
	{
		name: "file", environ: []string{"DB_CONNECTIONS__MAIN__PASSWORD_FILE=pw", "DB_CONNECTIONS__MAIN__HOST=refused"},
		files: map[string]string{"pw": secret + "\n"},
	},
	{name: "dsn", environ: []string{"DB_CONNECTIONS__MAIN__DSN=u:" + secret + "@tcp(refused)/app"}},
	{name: "dsn-url", environ: []string{"DB_CONNECTIONS__MAIN__DSN=mysql://u:" + secret + "@refused/app"}},
	{name: "dsn-pairs", environ: []string{"DB_CONNECTIONS__MAIN__DSN=host=refused password='hunter2 p@ss/w:rd'"}},
	{name: "dsn-answers", environ: []string{"DB_CONNECTIONS__MAIN__DSN=u:" + secret + "@tcp(x)/app"}},
	{name: "option", database: "host = \"refused\"\n[connections.main.options]\nsslpassword = " + fmt.Sprintf("%q", secret)},
	{name: "foreign", session: "store = \"vault\"\n[stores.vault]\npassword = " + fmt.Sprintf("%q", secret)},
	{name: "foreign-variable", session: "store = \"vault\"", environ: []string{"SESSION_STORES__VAULT__PASSWORD=" + secret}},
	{name: "foreign-tag", session: "store = \"vault\"", environ: []string{"SESSION_STORES__VAULT__ADDRESS=" + secret}},
	{name: "default", environ: []string{"DB_CONNECTION=mysql://u:" + secret + "@h/x"}},
	{name: "default-pairs", environ: []string{"DB_CONNECTION=host=h password='hunter2 p@ss/w:rd'"}},
	{name: "connection-name", environ: []string{"SESSION_STORES__DATABASE__CONNECTION=postgres://u:" + secret + "@h/x"}},
	{name: "table", environ: []string{"SESSION_STORES__DATABASE__TABLE=postgres://u:" + secret + "@h/x"}},
	{name: "store", environ: []string{"SESSION_STORE=redis://:" + secret + "@h"}},
	{name: "as-database", environ: []string{"DB_CONNECTIONS__MAIN__DATABASE=postgres://u:" + secret + "@h/x"}},
	{name: "as-host", environ: []string{"DB_CONNECTIONS__MAIN__HOST=u:" + secret + "@refused"}},
	{name: "after-user", environ: []string{"DB_CONNECTIONS__MAIN__USER=u:" + secret}},
	{name: "as-option", environ: []string{"DB_CONNECTIONS__MAIN__OPTIONS__TLS=u:" + secret + "@refused"}},
	{name: "as-header", database: "[connections.\"mysql://u:" + secret + "@h\"]"},
	{name: "foreign-address", session: "store = \"vault\"\n[stores.vault]\nnodes = [" + fmt.Sprintf("%q", "tcp://u:"+secret+"@h") + "]"},
	{name: "foreign-misspelt", session: "store = \"vault\"\n[stores.vault]\npasword = " + fmt.Sprintf("%q", secret)},
}

// No output shows a secret, wherever it is set and whatever else is wrong.
func TestSecretsAreNeverPrinted(t *testing.T) {
	type vault struct {
		Password string
		Address  string `secret:"true"`
		Nodes    []string
	}
	open := func(_ context.Context, v vault) (session.Store, error) {
		return nil, fmt.Errorf("cannot unlock %q with %s at %q", v.Address, v.Password, v.Nodes)
	}
	for _, tc := range secretTests {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string]string{
				"config/session.toml":  tc.session + "\n",
				"config/database.toml": "[connections.main]\ndriver = \"mysql\"\ndatabase = \"app\"\n" + tc.database + "\n",
				".env":                 tc.dotenv,
			}
			if tc.session == "" {
				files["config/session.toml"] = "store = \"database\"\n"
			}
			for name, text := range tc.files {
				files[name] = text
			}
			if strings.HasPrefix(tc.name, "dsn") {
				files["config/database.toml"] = "[connections.main]\ndriver = \"mysql\"\n"
			}
			project(t, files)
			var out bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&out, nil))
			c, err := Load("config", WithEnv(tc.environ), WithLogger(logger), With("vault", open))
			fmt.Fprintf(&out, "%v\n%s\n", err, err)
			err = c.Check(t.Context())
			fmt.Fprintf(&out, "%v\n", err)
			for _, e := range append(Mistakes(err), c.Warnings()...) {
				fmt.Fprintf(&out, "%s %+v %v\n", e, []any{e.File, e.Variable, e.Key, e.Value, e.Reason, e.Hint}, e.Line)
				if err := json.NewEncoder(&out).Encode(e); err != nil {
					t.Fatal(err)
				}
			}
			fmt.Fprintf(&out, "%+v\n", c.Values())
			con, err := c.Connection("main")
			fmt.Fprintf(&out, "%v %v\n", con, err)
			_, err = c.OpenDB(t.Context(), "main")
			fmt.Fprintf(&out, "%v\n", err)
			_, err = c.Open(t.Context())
			fmt.Fprintf(&out, "%v\n", err)

			if out.Len() < 200 {
				t.Errorf("the test has hardly any output to look at: %s", &out)
			}
			for _, piece := range []string{"hunter2", "p@ss", "p%40ss", "w:rd", "w%3Ard"} {
				if strings.Contains(out.String(), piece) {
					t.Errorf("the output shows %q of the secret:\n%s", piece, &out)
				}
			}
		})
	}
}

// Text that quotes part of a DSN is recognised in any encoding; other text is kept.
func TestQuotes(t *testing.T) {
	tests := []struct {
		dsn, text string
		want      bool
	}{
		{"postgres://u:hunter2@h/app", `password authentication failed for user "u" of app at h`, false},
		{"postgres://u:hunter2@h/app", `cannot parse "nter"`, true},
		{"postgres://u:a b c d@h/app", `invalid userinfo "a+b+c+d"`, true},
		{"postgres://u:a%2Fbcd@h/app", `after %2Fb`, true},
		{"u:hunter2@tcp(h)/app", `lookup h: no such host`, false},
		{"u:hun@ter2@tcp(h)/app", `lookup hun@ter2@tcp: no such host`, true},
		{"host=h user=u password='hunter2' dbname=app", `missing "=" after "hunter2"`, true},
		{"host=h user=u password='hunter2' dbname=app", `no user u at h`, false},
		{"u@tcp(h)/app", `no database app at h`, false},
		{"hunter2", `invalid hunter2`, true},
		{"hunter2@x:y", `invalid hunter2`, true},
		{"", `connection refused`, false},
	}
	for _, tc := range tests {
		quoted := func(part string) bool { return quotes(tc.text, part) }
		if got := slices.ContainsFunc(secretParts(tc.dsn), quoted); got != tc.want {
			t.Errorf("%s: %s: got %v, want %v", tc.dsn, tc.text, got, tc.want)
		}
	}
}
