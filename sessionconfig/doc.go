// Package sessionconfig makes a session manager from files and the environment, so
// that the store is chosen where the program runs and not where it is written:
//
//	manager, err := sessionconfig.Open(ctx, "config")
//
// # Where settings come from
//
// Open reads, each going before the one above it:
//
//   - the defaults, which are those of [session.Config] and of the stores;
//   - config/session.toml and config/database.toml;
//   - .env in the project's folder, which is the parent of config;
//   - the environment.
//
// The folder config is usually given relative to where the program is started. A
// key of session.toml has the variable SESSION_KEY, and a dot becomes two
// underscores: connection below [stores.database] is
// SESSION_STORES__DATABASE__CONNECTION. In database.toml, default is DB_CONNECTION,
// and host below [connections.main] is DB_CONNECTIONS__MAIN__HOST. A password or dsn
// may also be the content of a file, which DB_CONNECTIONS__MAIN__PASSWORD_FILE names.
// A variable that is empty counts as not set. Names of connections are compared
// without case, hyphens and underscores, because variables cannot spell those.
//
// [SessionTemplate] and [DatabaseTemplate] show every setting with its default.
// session.toml has to be there; database.toml only for the database store, and only
// if no variable makes its connection.
//
// The .env file is read for these settings alone. It does not get into the
// environment of the process.
//
// # Stores
//
// The setting store is one of database, file, memory (or dict, the same) and null,
// which are always compiled in, or a name that [With] hands in. The database store
// needs a driver of database/sql, which the program imports: modernc.org/sqlite or
// github.com/mattn/go-sqlite3, github.com/jackc/pgx/v5/stdlib or github.com/lib/pq,
// github.com/go-sql-driver/mysql.
//
// Paths in the files are relative to the project's folder. The file store makes its
// folder if it is missing. A SQLite file is not made by Open, because an empty
// database has no table for sessions: migrations make it ([Config.OpenDB]).
//
// # Mistakes
//
// Nothing that is written wrongly is passed over. Open reports all mistakes at once:
// misspelt keys, values of a wrong kind, contradictions, a connection that is not
// configured, a driver that is not compiled in, a database that does not answer, a
// table that is missing. Each is an [*Error] with file and line, or variable, and with
// what to do. A variable that begins with SESSION_ may belong to another program; it
// is a mistake if it looks like a misspelt one of these, and else passed over.
//
// Settings that weaken the cookie (secure = false, http_only = false, same_site =
// "none", domain, path) are accepted only together with the switch of
// [session.CookieConfig] that says so, such as dangerously_allow_http = true.
//
// Secrets are never printed: not in an Error, not by [Config.Values], and not where a
// driver quotes them.
package sessionconfig
