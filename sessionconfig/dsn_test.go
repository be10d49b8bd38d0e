package sessionconfig

import (
	"strings"
	"testing"
)

// Each DSN follows the quoting rules of its driver. The module internal/integration, which
// imports the drivers, tests them against real servers.
func TestDSN(t *testing.T) {
	tests := []struct {
		name, database string
		environ        []string
		want           string
	}{
		{
			name:     "sqlite",
			database: "driver = \"sqlite\"\ndatabase = \"/data/a b%?#.db\"",
			want: "file:/data/a b%25%3f%23.db?_pragma=busy_timeout(1000)&_busy_timeout=1000&_pragma=foreign_keys(on)&_foreign_keys=on" +
				"&_pragma=journal_mode(WAL)&_journal_mode=WAL&_pragma=synchronous(NORMAL)&_synchronous=NORMAL&_txlock=immediate",
		},
		{
			name:     "sqlite options",
			database: "driver = \"sqlite\"\ndatabase = \"/x.db\"\n[connections.main.options]\nsynchronous = \"FULL\"\nforeign_keys = false\ncache_size = -2000",
			environ:  []string{"DB_CONNECTIONS__MAIN__OPTIONS__BUSY_TIMEOUT=100"},
			want: "file:/x.db?_pragma=busy_timeout(100)&_busy_timeout=100&_pragma=cache_size(-2000)&_cache_size=-2000&_pragma=foreign_keys(false)&_foreign_keys=false" +
				"&_pragma=journal_mode(WAL)&_journal_mode=WAL&_pragma=synchronous(FULL)&_synchronous=FULL&_txlock=immediate",
		},
		{
			name:     "postgres",
			database: "driver = \"postgresql\"\ndatabase = \"my app\"\nuser = \"o'hara\"",
			environ:  []string{`DB_CONNECTIONS__MAIN__PASSWORD=a\b'c d`},
			want:     `connect_timeout='5' dbname='my app' host='127.0.0.1' password='a\\b\'c d' port='5432' user='o\'hara'`,
		},
		{
			name:     "postgres socket",
			database: "driver = \"postgres\"\ndatabase = \"app\"\nhost = \"/run/postgresql\"\nport = 5433\n[connections.main.options]\nsslmode = \"disable\"",
			want:     `connect_timeout='5' dbname='app' host='/run/postgresql' port='5433' sslmode='disable'`,
		},
		{
			name:     "postgres with replicas",
			database: "driver = \"postgres\"\ndatabase = \"app\"\nhost = \"db1,db2\"\n[connections.main.options]\ntarget_session_attrs = \"read-write\"",
			want:     `connect_timeout='5' dbname='app' host='db1,db2' port='5432' target_session_attrs='read-write'`,
		},
		{
			name:     "mysql",
			database: "driver = \"mysql\"\ndatabase = \"a/b\"\nuser = \"app\"\npassword = \"p:@/w\"\nhost = \"::1\"",
			environ:  []string{"DB_CONNECTIONS__MAIN__OPTIONS__READTIMEOUT=3s", "DB_CONNECTIONS__MAIN__OPTIONS__TLS=skip-verify"},
			want:     "app:p:@/w@tcp([::1]:3306)/a%2Fb?autocommit=1&readTimeout=3s&rejectReadOnly=true&timeout=5s&tls=skip-verify",
		},
		{
			name:     "mysql socket",
			database: "driver = \"mariadb\"\ndatabase = \"app\"\nhost = \"/run/mysqld/mysqld.sock\"",
			want:     "unix(/run/mysqld/mysqld.sock)/app?autocommit=1&rejectReadOnly=true&timeout=5s",
		},
		{
			name:     "dsn over the file",
			database: "driver = \"postgres\"\ndatabase = \"app\"\nhost = \"h\"",
			environ:  []string{"DB_CONNECTIONS__MAIN__DSN=postgres://u:p@h/app"},
			want:     "postgres://u:p@h/app",
		},
	}
	for _, tc := range tests {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			project(t, map[string]string{"config/session.toml": `store = "null"`, "config/database.toml": "[connections.main]\n" + tc.database + "\n"})
			c := load(t, tc.environ)
			if got := c.connections["main"].dsn(c.root); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// A connection is found in any spelling of its name, and its description has no secret.
func TestConnection(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml": "store = \"null\"\n",
		"config/database.toml": `default = "My_Connection"
[connections.my-connection]
driver = "mariadb"
database = "shop"
user = "app"
password = "hunter2"
[connections.lite]
driver = "sqlite"
database = "data/app.db"
`,
	})
	c := load(t, []string{
		"DB_CONNECTIONS__MY_CONNECTION__HOST=db.example",
		"DB_CONNECTIONS__EXTRA_ONE__DRIVER=postgres", "DB_CONNECTIONS__EXTRA_ONE__DSN=postgres://u:hunter2@h/x",
	})
	for name, want := range map[string]string{
		"":              "my-connection (mysql app@db.example:3306/shop)",
		"my-connection": "my-connection (mysql app@db.example:3306/shop)",
		"MY_CONNECTION": "my-connection (mysql app@db.example:3306/shop)",
		"lite":          "lite (sqlite data/app.db)",
		"extra-one":     "extra_one (postgres dsn)",
	} {
		con, err := c.Connection(name)
		if err != nil || con.String() != want {
			t.Errorf("%q: got %s (%v), want %s", name, con, err, want)
		}
	}
	if _, err := c.Connection("lost"); err == nil || err.Error() != "session: connections.lost: is not a configured connection; configured: extra_one, lite, my-connection" {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(c.Connections(), " "); got != "extra_one lite my-connection" {
		t.Errorf("got %s", got)
	}
	if v := value(t, c, "connections.my-connection.host"); v.Value != `"db.example"` || v.Variable != "DB_CONNECTIONS__MY_CONNECTION__HOST" {
		t.Errorf("got %+v", v)
	}
	if v := value(t, c, "connections.my-connection.port"); v.Value != "3306" || !v.Default {
		t.Errorf("got %+v", v)
	}
	if v := value(t, c, "stores.database.connection"); v.Value != `"my-connection"` || !v.Default {
		t.Errorf("got %+v", v)
	}
	if v := value(t, c, "connections.my-connection.password"); v.Value != "[redacted]" || !v.Secret || v.Origin.Line != 6 {
		t.Errorf("got %+v", v)
	}
}
