package sessionconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// project writes files into a new folder and returns that folder. It makes the folder the
// working directory, so that reports show short paths.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// sqlite is a valid database.toml.
const sqlite = `default = "main"

[connections.main]
driver = "sqlite"
database = "app.db"
`

// A reportTest is a project and its complete error report.
type reportTest struct {
	name     string
	session  string
	database string
	dotenv   string
	environ  []string
	want     string
}

var reportTests = []reportTest{
	{
		name:    "unknown key",
		session: "store = \"memory\"\nliftime = 3\n[stores.file]\npaht = \"x\"\n[stores.flie]\npath = \"x\"\n",
		want: `
config/session.toml:2: liftime: is not a setting; did you mean lifetime?
config/session.toml:4: stores.file.paht: is not a setting; did you mean stores.file.path?
config/session.toml:5: stores.flie: is not a known table; did you mean stores.file?`,
	},
	{
		name:    "names of other libraries",
		session: "driver = \"file\"\nstore = \"dictionary\"\ncookie = \"x\"\nexpire_on_close = true\n[stores.file]\nsync = true\n",
		want: `
config/session.toml:1: driver: is not a setting; did you mean store?
config/session.toml:2: store = "dictionary": is not a known store; did you mean "dict"?
config/session.toml:3: cookie: is not a setting; did you mean name?
config/session.toml:4: expire_on_close: is not a setting; did you mean clear_with_browser?
config/session.toml:6: stores.file.sync: is not a setting; did you mean stores.file.dangerously_no_sync?`,
	},
	{
		name:    "unlike anything",
		session: "store = \"memory\"\nfrobnicate = 1\n[stores.file]\nzzz = 1\n[widgets]\na = 1\n",
		want: `
config/session.toml:2: frobnicate: is not a setting; valid here: absolute_lifetime, api_key_headers, application, clear_with_browser, client, dangerously_allow_cross_site, dangerously_allow_http, dangerously_allow_script, dangerously_drop_host_prefix, dangerously_log_changes, domain, fallback, grace, history, http_only, lifetime, max_bytes, max_per_owner, name, partitioned, path, prune_every, revoke_on_reuse, rotate_every, same_site, secure, store, store_timeout, stores, token_header, token_header_only, touch_every, trusted_origins, watch_every
config/session.toml:4: stores.file.zzz: is not a setting; valid here: dangerously_no_sync, path
config/session.toml:5: widgets: is not a known table; valid tables: stores, stores.database, stores.file, stores.memory, stores.null, stores.redis`,
	},
	{
		name: "wrong type",
		session: `store = 3
lifetime = true
clear_with_browser = "yes"
name = ["a"]
same_site = "laxx"
max_bytes = "1MB"
trusted_origins = "https://a.example"
[stores.memory]
max_sessions = "many"
[lifetime2]
[secure]
`,
		want: `
config/session.toml:1: store = 3: must be a string; put it in double quotes
config/session.toml:2: lifetime = true: is not a duration; use a number of minutes, a string such as "2h" or "1h30m", or "off" (idle sessions never end)
config/session.toml:3: clear_with_browser = "yes": must be true or false, without quotes
config/session.toml:4: name = ["a"]: must be a string; put it in double quotes
config/session.toml:5: same_site = "laxx": must be one of "lax", "strict", "none"; did you mean "lax"?
config/session.toml:6: max_bytes = "1MB": must be a positive number of bytes, such as 65536 or "64KiB" (KiB, MiB, GiB), or "off" (no limit)
config/session.toml:7: trusted_origins = "https://a.example": must be a list of strings, such as ["a", "b"]
config/session.toml:9: stores.memory.max_sessions = "many": must be a whole number, or "off" (no limit)
config/session.toml:10: lifetime2: is not a known table; valid tables: stores, stores.database, stores.file, stores.memory, stores.null, stores.redis
config/session.toml:11: secure: is a setting, not a table`,
	},
	{
		name: "bad duration",
		session: `store = "memory"
lifetime = "2 hours"
absolute_lifetime = "7d"
touch_every = 30
rotate_every = "-1h"
grace = "0s"
store_timeout = "5"
prune_every = "soon"
`,
		environ: []string{"SESSION_LIFETIME=-5"},
		want: `
config/session.toml:3: absolute_lifetime = "7d": uses days, which are not a unit; use "168h"
config/session.toml:4: touch_every = 30: has no unit; use "30s" or "30m", or "always" (every request extends its session)
config/session.toml:5: rotate_every = "-1h": must be greater than 0, or "off" (only a login replaces the token)
config/session.toml:6: grace = "0s": must be greater than 0, or "off" (a replaced token stops working at once)
config/session.toml:7: store_timeout = "5": has no unit; use "5s" or "5m", or "off" (requests wait for the store without limit)
config/session.toml:8: prune_every = "soon": is not a duration; use a string such as "30s", "5m" or "1h30m", or "off" (expired sessions are not removed automatically)
SESSION_LIFETIME: lifetime = "-5": must be greater than 0, or "off" (idle sessions never end)`,
	},
	{
		name:     "unknown store",
		session:  `store = "databse"`,
		database: sqlite,
		want:     `config/session.toml:1: store = "databse": is not a known store; did you mean "database"?`,
	},
	{
		name:    "store that nobody knows",
		session: `store = "cassandra"`,
		want:    `config/session.toml:1: store = "cassandra": is not a known store; valid stores: database, dict, file, memory, null, redis; sessionconfig.With registers others`,
	},
	{
		name:    "store not compiled in",
		session: "store = \"redis\"",
		want:    `config/session.toml:1: store = "redis": is not compiled into this program; import "github.com/expanse-go/session/redisstore", and pass sessionconfig.WithRedis(redisstore.Open) to Open`,
	},
	{
		name:     "unknown connection",
		session:  `store = "database"`,
		database: sqlite + "[connections.other]\ndriver = \"sqlite\"\ndatabase = \"b.db\"\n",
		environ:  []string{"SESSION_STORES__DATABASE__CONNECTION=my-connection"},
		want:     `SESSION_STORES__DATABASE__CONNECTION: stores.database.connection = "my-connection": is not a configured connection; configured: main, other`,
	},
	{
		name:     "misspelt connection",
		session:  "store = \"database\"\n[stores.database]\nconnection = \"mian\"",
		database: sqlite,
		want:     `config/session.toml:3: stores.database.connection = "mian": is not a configured connection; configured: main; did you mean "main"?`,
	},
	{
		name:     "unknown default",
		session:  `store = "database"`,
		database: strings.Replace(sqlite, `"main"`, `"mian"`, 1),
		want:     `config/database.toml:1: default = "mian": is not a configured connection; configured: main; did you mean "main"?`,
	},
	{
		name:     "no default among several",
		session:  `store = "database"`,
		database: "[connections.a]\ndriver = \"sqlite\"\ndatabase = \"a\"\n[connections.b]\ndriver = \"sqlite\"\ndatabase = \"b\"\n",
		want:     `config/database.toml: default: does not say which connection to use; configured: a, b`,
	},
	{
		name:     "no connection",
		session:  `store = "database"`,
		database: "# nothing\n",
		want:     `config/database.toml: defines no connection, but the database store needs one; add a table such as [connections.main]`,
	},
	{
		name:     "sqlite driver not compiled in",
		session:  `store = "database"`,
		database: sqlite,
		want:     `config/database.toml:4: connections.main.driver = "sqlite": is not compiled into this program; add the import _ "modernc.org/sqlite"`,
	},
	{
		name:     "database that does not answer",
		session:  `store = "database"`,
		database: "[connections.main]\ndriver = \"mariadb\"\nhost = \"refused\"\nuser = \"app\"\npassword = \"hunter2\"\ndatabase = \"shop\"\n",
		want:     `config/database.toml:6: connections.main.database = "shop": the database does not answer: dial app:[redacted]@tcp(refused:3306)/shop?autocommit=1&rejectReadOnly=true&timeout=5s: connection refused; check that app@refused:3306/shop is correct and that the server is running`,
	},
	{
		name:     "driver not compiled in",
		session:  `store = "database"`,
		database: strings.ReplaceAll(sqlite, `"sqlite"`, `"postgres"`),
		want:     `config/database.toml:4: connections.main.driver = "postgres": is not compiled into this program; add the import _ "github.com/jackc/pgx/v5/stdlib"`,
	},
	{
		name: "missing files",
		want: `
config/session.toml: no such file; run the program in the project folder, or create the file with "./beam init"
config/database.toml: no such file, but the database store needs a connection; create the file with "./beam init", or choose another store in session.toml`,
	},
	{
		name:     "broken files",
		session:  "store = \"memory\"\nlifetime = \n",
		database: "default = \"main\nx = 1",
		dotenv:   "SESSION_STORE=memory\n\nnot a setting\n",
		want: `
config/session.toml:2: is not valid TOML: unexpected character U+000A at start of value; put strings in double quotes, set each key once, and write table headers like [stores.database]
config/database.toml:1: is not valid TOML: basic strings cannot have new lines; put strings in double quotes, set each key once, and write table headers like [stores.database]
.env:3: is not of the form NAME=value; close every quote, and start comments with "#"`,
	},
	{
		name:    "key given twice",
		session: "store = \"memory\"\nstore = \"file\"\n",
		environ: []string{"SESSION_STORE=memory"},
		want:    `config/session.toml:2: is not valid TOML: key store is already defined; put strings in double quotes, set each key once, and write table headers like [stores.database]`,
	},
	{
		name:    "dict and memory are one",
		session: "store = \"dict\"\n[stores.dict]\nmax_sessions = 3\n[stores.memory]\nmax_sessions = 4\n",
		want:    `config/session.toml:3: stores.dict.max_sessions = 3: stores.memory.max_sessions is also set, and dict and memory are the same store; keep only one of them`,
	},
	{
		name:    "weak cookie without the switch",
		session: "store = \"memory\"\nsecure = false\nhttp_only = false\nsame_site = \"none\"\ndomain = \"example.com\"\n",
		environ: []string{"SESSION_PATH=/app"},
		want: `
config/session.toml:2: secure = false: weakens the cookie: anyone on the network can then read and set it; remove it, or confirm it with dangerously_allow_http = true (SESSION_DANGEROUSLY_ALLOW_HTTP=true)
config/session.toml:3: http_only = false: weakens the cookie: an injected script can then steal it; remove it, or confirm it with dangerously_allow_script = true (SESSION_DANGEROUSLY_ALLOW_SCRIPT=true)
config/session.toml:4: same_site = "none": weakens the cookie: requests from other sites then carry it; remove it, or confirm it with dangerously_allow_cross_site = true (SESSION_DANGEROUSLY_ALLOW_CROSS_SITE=true)
config/session.toml:5: domain = "example.com": weakens the cookie: subdomains can then read and set it; remove it, or confirm it with dangerously_drop_host_prefix = true (SESSION_DANGEROUSLY_DROP_HOST_PREFIX=true)
SESSION_PATH: path = "/app": weakens the cookie: subdomains can then set it; remove it, or confirm it with dangerously_drop_host_prefix = true (SESSION_DANGEROUSLY_DROP_HOST_PREFIX=true)`,
	},
	{
		name:    "switch contradicted",
		session: "store = \"memory\"\nsecure = true\ndangerously_allow_http = true\n",
		want:    `config/session.toml:2: secure = true: contradicts dangerously_allow_http = true; remove one of them`,
	},
	{
		name: "what the manager refuses",
		session: `store = "memory"
absolute_lifetime = "1h"
partitioned = true
name = "a b"
trusted_origins = ["https://a.example", "b.example"]
touch_every = "3h"
token_header = "Accept"
api_key_headers = ["X-Api-Key", "a b"]
`,
		dotenv: "SESSION_ROTATE_EVERY=10s\n",
		want: `
config/session.toml:2: lifetime = "2h": longer than absolute_lifetime (1h0m0s), so it could never take effect; swap them or leave one out
config/session.toml:3: partitioned = true: needs same_site None and secure; without them browsers refuse the cookie or partition nothing
config/session.toml:4: name = "a b": use letters, digits, - and _, at most 128 of them
config/session.toml:5: trusted_origins = ["https://a.example", "b.example"]: write it as scheme://host[:port], without a path
config/session.toml:6: touch_every = "3h": must be below the idle timeout (2h0m0s), or sessions in use would expire
config/session.toml:7: token_header = "Accept": browsers send this header by themselves or let other sites set it, so it does not show who sent the request; use Authorization or a name of your own, such as X-Session-Token
config/session.toml:8: api_key_headers = ["X-Api-Key", "a b"]: is not the name of a header; use letters, digits and -, at most 128 of them
SESSION_ROTATE_EVERY (.env:1): rotate_every = "10s": must be longer than grace (30s), or a token would be replaced before the clients that use its predecessor have received it`,
	},
	{
		name:    "a header that is not named",
		session: "store = \"memory\"\ntoken_header_only = true\n",
		want:    `config/session.toml:2: token_header_only = true: without token_header, no client could have a session; set that to Authorization, for example`,
	},
	{
		name:    "too long a life",
		session: "store = \"memory\"\nlifetime = \"9601h\"\nabsolute_lifetime = \"9602h\"\n",
		want: `
config/session.toml:2: lifetime = "9601h": browsers keep no cookie for more than 400 days; shorten it, or set it to "off" for no limit
config/session.toml:3: absolute_lifetime = "9602h": browsers keep no cookie for more than 400 days; shorten it, or set it to "off" for no limit`,
	},
	{
		name:    "unknown variables",
		session: `store = "memory"`,
		dotenv:  "export SESSION_STORES__FILE__PAHT=x\n",
		environ: []string{"SESSION_STORES__ZEBRA__SIZE=3", "DB_CONNECTIONS__OTHER__HOST=h", "SESSION_MANAGER=local/x", "SESSION_SECRET=s", "SESSION_ID=1"},
		want: `
SESSION_STORES__FILE__PAHT (.env:1): is not a setting; did you mean SESSION_STORES__FILE__PATH?
DB_CONNECTIONS__OTHER__HOST: the connection "other" does not exist; none is configured; or create it with DB_CONNECTIONS__OTHER__DRIVER
SESSION_STORES__ZEBRA__SIZE: is not a setting; unset it`,
	},
	{
		name:     "unknown variable of a connection",
		session:  `store = "memory"`,
		database: sqlite,
		environ:  []string{"DB_CONNECTIONS__MAIN__DATABSE=x", "DB_CONNECTIONS__MAIN__URL=x", "DB_CONNECTIONS__MIAN__DATABASE=x", "DB_CONNECTIONS__MAIN=x"},
		want: `
DB_CONNECTIONS__MAIN: is not a setting; unset it
DB_CONNECTIONS__MAIN__DATABSE: is not a setting; did you mean DB_CONNECTIONS__MAIN__DATABASE?
DB_CONNECTIONS__MAIN__URL: is not a setting; did you mean DB_CONNECTIONS__MAIN__DSN?
DB_CONNECTIONS__MIAN__DATABASE: the connection "mian" does not exist; configured: main; did you mean "main"?; or create it with DB_CONNECTIONS__MIAN__DRIVER`,
	},
	{
		name:    "connections that cannot be",
		session: `store = "memory"`,
		database: `[connections.a]
[connections.b]
driver = "sqlite3"
[connections.c]
driver = "mysql"
[connections.d]
driver = "sqlite"
database = ":memory:"
host = "h"
[connections.e]
driver = "sqlite"
[connections.f]
driver = "postgres"
dsn = "x"
host = "h"
port = 0
[connections.f.options]
sslmode = "require"
[connections.g]
driver = "sqlite"
database = "g.db"
options = { busy_timeout = "long", vacuum = 1 }
[connections.H-i]
driver = "sqlite"
database = "h.db"
[connections.h_i]
driver = "sqlite"
database = "h.db"
[connections."j k"]
driver = "sqlite"
[connections.l]
driver = "mariadb"
database = "l"
user = "a:b"
[connection.m]
driver = "sqlite"
`,
		want: `
config/database.toml:1: connections.a: has no driver; add driver = "sqlite", "postgres" or "mysql"
config/database.toml:3: connections.b.driver = "sqlite3": must be one of "sqlite", "postgres", "postgresql", "mysql", "mariadb"; did you mean "sqlite"?
config/database.toml:4: connections.c: has no database; add database = "the name of the database"
config/database.toml:8: connections.d.database = ":memory:": is an empty database at each start, without the table; name a file, or set store = "memory" in session.toml
config/database.toml:9: connections.d.host = "h": does not apply to SQLite, whose database is a file; remove it
config/database.toml:10: connections.e: has no database; add database = "storage/app.db"
config/database.toml:15: connections.f.host = "h": has no effect because dsn is set; remove one of the two
config/database.toml:16: connections.f.port = 0: must be a number from 1 to 65535
config/database.toml:18: connections.f.options.sslmode = [redacted]: has no effect because dsn is set; make it part of the dsn
config/database.toml:22: connections.g.options.busy_timeout = "long": is not a valid value for this option
config/database.toml:22: connections.g.options.vacuum = [redacted]: is not a supported option; supported: busy_timeout, cache_size, foreign_keys, journal_mode, synchronous, txlock; put any other option in a dsn
config/database.toml:26: connections.h_i: differs from "H-i" only in case, hyphens or underscores, which names of variables cannot express
config/database.toml:29: connections."j k": is not a valid connection name; use letters and digits, in words joined by hyphens or underscores
config/database.toml:34: connections.l.user = "a:[redacted]": cannot contain a colon; set the password separately
config/database.toml:35: connection: is not a known table; did you mean connections?`,
	},
	{
		// The database at the default host is not contacted: it is not the intended one.
		name:     "misspelt key of the connection",
		session:  `store = "database"`,
		database: "[connections.main]\ndriver = \"mysql\"\nhots = \"refused\"\ndatabase = \"app\"\ndsn_ = \"refused\"\n",
		environ:  []string{"DB_CONNECTIONS__MAIN__USR=x"},
		want: `
config/database.toml:3: connections.main.hots: is not a setting; did you mean connections.main.host?
config/database.toml:5: connections.main.dsn_: is not a setting; did you mean connections.main.dsn?
DB_CONNECTIONS__MAIN__USR: is not a setting; did you mean DB_CONNECTIONS__MAIN__USER?`,
	},
	{
		name:     "secret file",
		session:  `store = "memory"`,
		database: "[connections.main]\ndriver = \"postgres\"\ndatabase = \"app\"\n",
		environ: []string{
			"DB_CONNECTIONS__MAIN__PASSWORD_FILE=missing",
			"DB_CONNECTIONS__MAIN__DSN_FILE=config/session.toml", "DB_CONNECTIONS__MAIN__DSN=x",
		},
		want: `
DB_CONNECTIONS__MAIN__DSN_FILE: connections.main.dsn = "config/session.toml": DB_CONNECTIONS__MAIN__DSN is also set; set only one of them
DB_CONNECTIONS__MAIN__PASSWORD_FILE: connections.main.password = "missing": the file cannot be read: no such file or directory`,
	},
	{
		name:    "folder that cannot be",
		session: "store = \"file\"\n[stores.file]\npath = \"config/session.toml\"\n",
		want:    `config/session.toml:3: stores.file.path = "config/session.toml": config/session.toml is not a folder; move it away, or choose another folder for the sessions`,
	},
	{
		name:     "all at once",
		session:  "store = \"database\"\nlifetime = \"x\"\n[stores.database]\ntable = \"a b\"\n",
		database: strings.ReplaceAll(sqlite, `"sqlite"`, `"mysql"`),
		environ:  []string{"SESSION_GRACE=x"},
		want: `
config/session.toml:2: lifetime = "x": is not a duration; use a number of minutes, a string such as "2h" or "1h30m", or "off" (idle sessions never end)
config/session.toml:4: stores.database.table = "a b": use letters, digits and underscores only, and no digit first
SESSION_GRACE: grace = "x": is not a duration; use a string such as "30s", "5m" or "1h30m", or "off" (a replaced token stops working at once)`,
	},
}

// Repeated checks give the same report, so that a program can poll until the database is
// available.
func TestCheckAgain(t *testing.T) {
	project(t, map[string]string{
		"config/session.toml":  "store = \"database\"\n",
		"config/database.toml": "[connections.main]\ndriver = \"mysql\"\nhost = \"refused\"\ndatabase = \"app\"\n",
	})
	c := load(t, nil)
	first := c.Check(t.Context())
	again := c.Check(t.Context())
	if first == nil || again == nil || first.Error() != again.Error() {
		t.Errorf("got\n%v\nand then\n%v", first, again)
	}
	if m, err := c.Open(t.Context()); m != nil || err == nil || err.Error() != first.Error() {
		t.Errorf("Open: got %v, %v", m, err)
	}
}

// A missing file can be detected with errors.Is.
func TestMissingFile(t *testing.T) {
	project(t, nil)
	if _, err := Load("config", WithEnv(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// The complete reports, as a user reads them.
func TestMistakes(t *testing.T) {
	for _, tc := range slices.Concat(reportTests, hintTests) {
		t.Run(strings.ReplaceAll(tc.name, " ", "-"), func(t *testing.T) {
			files := map[string]string{}
			for name, text := range map[string]string{"config/session.toml": tc.session, "config/database.toml": tc.database, ".env": tc.dotenv} {
				if text != "" {
					files[name] = text
				}
			}
			dir := project(t, files)
			m, err := Open(t.Context(), "config", WithEnv(tc.environ))
			if m != nil || err == nil {
				t.Fatalf("Open: got a manager, want a report")
			}
			want := "session: " + strings.ReplaceAll(strings.TrimSpace(tc.want), "\n", "\nsession: ")
			if got := strings.ReplaceAll(err.Error(), dir+"/", ""); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			for _, e := range Mistakes(err) {
				if e.File == "" && e.Variable == "" {
					t.Errorf("no place in %q", e.Error())
				}
			}
		})
	}
}
