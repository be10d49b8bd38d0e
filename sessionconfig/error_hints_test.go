package sessionconfig

// hintTests are values in the wrong setting and misspelt names, with the hints that the
// report gives for them.
var hintTests = []reportTest{
	{
		name:    "misspelt variables",
		session: `store = "null"`,
		environ: []string{"SESSION_LIFTIME=3", "SESSION_SAMESITE=lax", "SESSION_STORES_FILE_PATH=x", "SESSION_MANAGER=x"},
		want: `
SESSION_LIFTIME: is not a setting; did you mean SESSION_LIFETIME?
SESSION_SAMESITE: is not a setting; did you mean SESSION_SAME_SITE?
SESSION_STORES_FILE_PATH: is not a setting; did you mean SESSION_STORES__FILE__PATH?`,
	},
	{
		name:    "lifetime too long and too short",
		session: "store = \"null\"\nlifetime = 99999999999999\n",
		environ: []string{"SESSION_ABSOLUTE_LIFETIME=1ns"},
		want: `
config/session.toml:2: lifetime = 99999999999999: is too long; use at most "9600h" (400 days), or "off" (idle sessions never end)
SESSION_ABSOLUTE_LIFETIME: absolute_lifetime = "1ns": must be at least "1s", or "off" (sessions end only when idle)`,
	},
	{
		name:    "lifetime above that of cookies",
		session: `store = "null"`,
		environ: []string{"SESSION_LIFETIME=9601h"},
		want:    `SESSION_LIFETIME: lifetime = "9601h": browsers keep no cookie for more than 400 days; shorten it, or set it to "off" for no limit`,
	},
	{
		name:    "address in the wrong setting",
		session: `store = "database"`,
		environ: []string{
			"DB_CONNECTION=mysql://u:hunter2@h/x", "DB_CONNECTIONS__A__DRIVER=postgres", "DB_CONNECTIONS__A__DATABASE=postgres://u:hunter2@h/x",
			"DB_CONNECTIONS__A__HOST=u:hunter2@db", "DB_CONNECTIONS__A__USER=u:hunter2",
			"DB_CONNECTIONS__B__DRIVER=sqlite", "DB_CONNECTIONS__B__DSN=u:hunter2@tcp(h)/x", "DB_CONNECTIONS__A__PORT=99999",
		},
		want: `
DB_CONNECTION: default = "mysql://[redacted]@h/x": is an address, not the name of a connection; make it the dsn of a connection: set DB_CONNECTIONS__MAIN__DSN and DB_CONNECTIONS__MAIN__DRIVER
DB_CONNECTIONS__A__DATABASE: connections.a.database = "postgres://[redacted]@h/x": is an address, which may contain a password; put the address in dsn, and leave out database, host, port, user and password
DB_CONNECTIONS__A__HOST: connections.a.host = "u:[redacted]@db": is an address, which may contain a password; put the address in dsn, and leave out database, host, port, user and password
DB_CONNECTIONS__A__PORT: connections.a.port = "99999": must be a number from 1 to 65535
DB_CONNECTIONS__A__USER: connections.a.user = "u:[redacted]": cannot contain a colon; set the password separately
DB_CONNECTIONS__B__DSN: connections.b.dsn = [redacted]: is the address of a server, but a SQLite database is a file; write a path, or a URI that begins with "file:", or choose another driver`,
	},
	{
		name:     "suggestions that fit",
		session:  "store = \"null\"\n[cookie]\nsecure = true\n",
		database: sqlite + "foo = 1\nhots = 1\nusername = 1\n[connections.b]\ndriver = \"mysql\"\ndatabase = \"b\"\nhots = 1\n[connections.b.optoins]\ntls = 1\n",
		environ:  []string{"DB_CONNECTIONS__MAIN__COOKIE=x", "DB_CONNECTIONS__MAIN__USERNAME=x", "DB_CONNECTIONS__B__USERNAME=x"},
		want: `
config/session.toml:2: cookie: is not a known table; valid tables: stores, stores.database, stores.file, stores.memory, stores.null, stores.redis
config/database.toml:6: connections.main.foo: is not a setting; valid here: database, driver, dsn, max_lifetime, max_open, options
config/database.toml:7: connections.main.hots: is not a setting; valid here: database, driver, dsn, max_lifetime, max_open, options
config/database.toml:8: connections.main.username: is not a setting; valid here: database, driver, dsn, max_lifetime, max_open, options
config/database.toml:12: connections.b.hots: is not a setting; did you mean connections.b.host?
config/database.toml:13: connections.b.optoins: is not a known table; did you mean connections.b.options?
DB_CONNECTIONS__B__USERNAME: is not a setting; did you mean DB_CONNECTIONS__B__USER?
DB_CONNECTIONS__MAIN__COOKIE: is not a setting; unset it
DB_CONNECTIONS__MAIN__USERNAME: is not a setting; unset it`,
	},
	{
		name:    "options of pgxpool",
		session: `store = "memory"`,
		database: `[connections.a]
driver = "postgres"
database = "app"
options = { pool_max_conns = "3" }
[connections.b]
driver = "postgres"
dsn = "postgres://u@h/app?sslmode=disable&pool_max_conns=3"
[connections.c]
driver = "postgres"
dsn = "host=h password=pool_x dbname=spool_y"
`,
		want: `
config/database.toml:4: connections.a.options.pool_max_conns = [redacted]: is an option that only pgxpool supports; use max_open and max_lifetime of the connection instead
config/database.toml:7: connections.b.dsn = [redacted]: contains an option that begins with pool_, which only pgxpool supports; use max_open and max_lifetime of the connection instead`,
	},
	{
		name:     "broken file beside variables",
		session:  `store = "database"`,
		database: "[connections.main]\ndriver = \n",
		environ:  []string{"DB_CONNECTIONS__MAIN__HOST=h", "DB_CONNECTIONS__MAIN__DRIVER=mysql", "DB_CONNECTIONS__MAIN__PASSWORD=x"},
		want:     `config/database.toml:2: is not valid TOML: unexpected character U+000A at start of value; put strings in double quotes, set each key once, and write table headers like [stores.database]`,
	},
	{
		name:     "kind of database as store",
		session:  `store = "SQLite"`,
		database: sqlite,
		want:     `config/session.toml:1: store = "SQLite": is a kind of database, not a store; set store = "database" and DB_CONNECTION=main`,
	},
	{
		name:    "kind of database without connection",
		session: `store = "null"`,
		environ: []string{"SESSION_STORE=postgres"},
		want:    `SESSION_STORE: store = "postgres": is a kind of database, not a store; set store = "database" and DB_CONNECTION=NAME, the name of a connection with driver = "postgres"`,
	},
	{
		name:     "store in capitals",
		session:  `store = "Database"`,
		database: sqlite,
		want:     `config/database.toml:4: connections.main.driver = "sqlite": is not compiled into this program; add the import _ "modernc.org/sqlite"`,
	},
}
