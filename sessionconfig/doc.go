// Package sessionconfig creates a session manager from configuration files and
// environment variables, so that each deployment can choose its own store:
//
//	manager, err := sessionconfig.Open(ctx, "config")
//
// # Sources of settings
//
// Open reads settings from these sources. Each source overrides the ones before it:
//
//   - the defaults, which are those of [session.Config] and of the stores;
//   - config/session.toml and config/database.toml;
//   - .env in the project folder, which is the parent of config;
//   - the environment.
//
// The path of the config folder is relative to the working directory, unless it is
// absolute.
//
// Each setting has a variable. A key of session.toml has the prefix SESSION_, and a dot
// becomes two underscores: connection in the table [stores.database] is
// SESSION_STORES__DATABASE__CONNECTION. In database.toml, default is DB_CONNECTION, and
// host in the table [connections.main] is DB_CONNECTIONS__MAIN__HOST. A password or a dsn
// can also be read from a file: DB_CONNECTIONS__MAIN__PASSWORD_FILE contains the path of
// that file. An empty variable counts as unset. Names of connections are compared ignoring
// case, hyphens and underscores, because variable names cannot express the difference.
//
// [SessionTemplate], [DatabaseTemplate] and [RedisTemplate] show every setting with its default.
// The file session.toml is required. The files database.toml and redis.toml are required only for
// the stores database and redis, and only if no variable defines the connection.
//
// The .env file is read for these settings only. It does not change the environment of the
// process. In its values, except in single quotes, ${NAME} is replaced with a variable of the
// environment, or else with one that the file defines above; if there is neither, it is a
// mistake. All files must be UTF-8, with or without a byte order mark.
//
// # Stores
//
// The setting store is one of database, file, memory (alias dict) and null, which are
// built in, or a name that was registered with [With]. The database store needs a
// [database/sql] driver, which the program must import: modernc.org/sqlite or
// github.com/mattn/go-sqlite3, github.com/jackc/pgx/v5/stdlib or github.com/lib/pq,
// github.com/go-sql-driver/mysql. With [WithPostgres], it uses pgxstore for PostgreSQL, and
// needs no driver. The store redis needs [WithRedis].
//
// Paths in the files are relative to the project folder. The file store creates its folder
// if it is missing. Open does not create a SQLite file, because an empty database has no
// table for sessions. Migrations create it; see [Config.OpenDB].
//
// # Mistakes
//
// Open ignores no mistake, and reports all of them at once: misspelled keys, values of the
// wrong type, contradictions, a connection that is not configured, a driver that is not
// compiled in, a database that does not answer, a missing table. Each is an [*Error] with
// the file and line, or the variable, and how to fix it. A variable that begins with
// SESSION_ may belong to another program. It is a mistake if its name closely resembles a
// setting; otherwise it is ignored.
//
// Settings that weaken the cookie (secure = false, http_only = false, same_site = "none",
// domain, path) require the matching switch of [session.CookieConfig], such as
// dangerously_allow_http = true.
//
// [Config.Warnings] returns settings that are valid but probably unintended.
//
// Secrets are never printed: not in the text of an Error, not by [Config.Values], and not by
// fmt or log/slog, even if a driver quotes them in its own messages.
package sessionconfig
