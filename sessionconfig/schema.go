package sessionconfig

import (
	"math"
	"slices"
)

// The files in the configuration folder.
const (
	sessionFile  = "session.toml"
	databaseFile = "database.toml"
	redisFile    = "redis.toml"
)

// A spec describes one setting. The tables below are the only list of settings: parsing,
// error reports, [Config.Values] and the test of the templates all use them.
type spec struct {
	key     string
	kind    kind
	def     string   // the default as TOML; "" if there is none
	word    string   // for kinds that can be switched off: the value that does so
	effect  string   // what word means
	choices []string // for kindChoice
	secret  bool
	most    int64 // for kindCount: the largest value; 0 means math.MaxInt32
	user    bool  // a password may follow a colon
}

// sessionSpecs are the settings of session.toml, in the order of [Config.Values].
var sessionSpecs = []spec{
	{key: "store", kind: kindText, def: `"database"`},
	{key: "fallback", kind: kindText, def: `"off"`},
	{key: "lifetime", kind: kindMinutes, def: `"2h"`, word: "off", effect: "idle sessions never end"},
	{key: "absolute_lifetime", kind: kindMinutes, def: `"24h"`, word: "off", effect: "sessions end only when idle"},
	{key: "clear_with_browser", kind: kindBool, def: "false"},

	{key: "name", kind: kindText, def: `"session"`},
	{key: "path", kind: kindText, def: `"/"`},
	{key: "domain", kind: kindText, def: `""`},
	{key: "secure", kind: kindBool, def: "true"},
	{key: "http_only", kind: kindBool, def: "true"},
	{key: "same_site", kind: kindChoice, def: `"lax"`, choices: []string{"lax", "strict", "none"}},
	{key: "partitioned", kind: kindBool, def: "false"},
	{key: "dangerously_allow_http", kind: kindBool, def: "false"},
	{key: "dangerously_allow_script", kind: kindBool, def: "false"},
	{key: "dangerously_drop_host_prefix", kind: kindBool, def: "false"},
	{key: "dangerously_allow_cross_site", kind: kindBool, def: "false"},

	{key: "touch_every", kind: kindDuration, def: `"6m"`, word: "always", effect: "every request extends its session"},
	{key: "rotate_every", kind: kindDuration, def: `"off"`, word: "off", effect: "only a login replaces the token"},
	{key: "grace", kind: kindDuration, def: `"30s"`, word: "off", effect: "a replaced token stops working at once"},
	{key: "revoke_on_reuse", kind: kindBool, def: "false"},
	{key: "store_timeout", kind: kindDuration, def: `"5s"`, word: "off", effect: "requests wait for the store without limit"},
	{key: "max_bytes", kind: kindBytes, def: `"1MiB"`, word: "off", effect: "no limit"},
	{key: "application", kind: kindText, def: `""`},
	{key: "max_per_owner", kind: kindCount, def: `"off"`, word: "off", effect: "no limit"},
	{key: "prune_every", kind: kindDuration, def: `"5m"`, word: "off", effect: "expired sessions are not removed automatically"},
	{key: "watch_every", kind: kindDuration, def: `"5s"`, word: "off", effect: "streams do not learn what other processes do to their sessions"},
	{key: "history", kind: kindCount, def: `"off"`, word: "off", effect: "no commits are recorded"},
	{key: "dangerously_log_changes", kind: kindBool, def: "false"},
	{key: "trusted_origins", kind: kindList, def: "[]"},
	{key: "token_header", kind: kindText, def: `""`},
	{key: "token_header_only", kind: kindBool, def: "false"},
	{key: "api_key_headers", kind: kindList, def: "[]"},
	{key: "client", kind: kindBool, def: "true"},

	{key: "stores.database.connection", kind: kindText},
	{key: "stores.database.table", kind: kindText, def: `"sessions"`},
	{key: "stores.database.schema", kind: kindText, def: `""`},
	{key: "stores.database.migrations_table", kind: kindText, def: `"beam_migrations"`},
	{key: "stores.file.path", kind: kindText, def: `"storage/sessions"`},
	{key: "stores.file.dangerously_no_sync", kind: kindBool, def: "false"},
	{key: "stores.memory.max_sessions", kind: kindCount, def: "1000000", word: "off", effect: "no limit"},
	{key: "stores.memory.max_bytes", kind: kindBytes, def: `"1GiB"`, word: "off", effect: "no limit"},
	{key: "stores.redis.connection", kind: kindText},
	{key: "stores.redis.prefix", kind: kindText, def: `"session:"`},
}

// databaseSpecs are the settings of database.toml outside its connections.
var databaseSpecs = []spec{
	{key: "default", kind: kindText},
}

// connectionSpecs are the settings of one connection, under connections.NAME.
var connectionSpecs = []spec{
	{key: "driver", kind: kindChoice, choices: []string{"sqlite", "postgres", "postgresql", "mysql", "mariadb"}},
	{key: "database", kind: kindText},
	{key: "host", kind: kindText, def: `"127.0.0.1"`},
	{key: "port", kind: kindCount, most: math.MaxUint16},
	{key: "user", kind: kindText, user: true},
	{key: "password", kind: kindText, secret: true},
	{key: "dsn", kind: kindText, secret: true},
	{key: "max_open", kind: kindCount, def: "16"},
	{key: "max_lifetime", kind: kindDuration, def: `"off"`, word: "off", effect: "connections are never replaced"},
	{key: "max_idle_time", kind: kindDuration, def: `"3m"`, word: "off", effect: "idle connections stay open"},
	{key: "prepare", kind: kindBool, def: "true"},
}

// redisSpecs are the settings of redis.toml outside its connections.
var redisSpecs = []spec{
	{key: "default", kind: kindText},
}

// redisConnectionSpecs are the settings of one connection of redis.toml.
var redisConnectionSpecs = []spec{
	{key: "url", kind: kindText, secret: true},
	{key: "addresses", kind: kindList, def: "[]"},
	{key: "database", kind: kindNumber, def: "0"},
	{key: "username", kind: kindText, user: true},
	{key: "password", kind: kindText, secret: true},
	{key: "cluster", kind: kindBool, def: "false"},
	{key: "sentinel_master", kind: kindText},
	{key: "sentinel_username", kind: kindText, user: true},
	{key: "sentinel_password", kind: kindText, secret: true},
	{key: "tls", kind: kindBool, def: "false"},
	{key: "tls_ca_file", kind: kindText},
	{key: "tls_cert_file", kind: kindText},
	{key: "tls_key_file", kind: kindText},
	{key: "tls_server_name", kind: kindText},
	{key: "pool_size", kind: kindCount, most: 10_000},
	{key: "auto_pipeline", kind: kindBool, def: "false"},
}

// serverKeys are the settings of a connection that do not apply to SQLite.
var serverKeys = map[string]bool{"host": true, "max_idle_time": true, "password": true, "port": true, "prepare": true, "user": true}

// options is the table of a connection whose keys are passed to the driver.
const options = "options"

// builtin are the names of stores. [With] registers others.
var builtin = []string{"database", "dict", "file", "memory", "null", "redis"}

// synonyms maps other common names of settings, after fold, to their real names. They
// only serve as suggestions: each setting has one name.
var synonyms = map[string]string{
	"cookie":        "name",
	"cookiename":    "name",
	"driver":        "store",
	"backend":       "store",
	"expireonclose": "clear_with_browser",
	"idletimeout":   "lifetime",
	"timeout":       "lifetime",
	"maxage":        "absolute_lifetime",
	"httponly":      "http_only",
	"securecookie":  "secure",
	"samesite":      "same_site",
	"connection":    "stores.database.connection",
	"table":         "stores.database.table",
	"files":         "stores.file.path",
	"durability":    "stores.file.dangerously_no_sync",
	"sync":          "stores.file.dangerously_no_sync",
	"dictionary":    "dict",
	"db":            "database",
	"filespath":     "stores.file.path",
	"username":      "user",
	"url":           "dsn",
	"address":       "addresses",
	"dbname":        "database",
	"name":          "database",
	"pass":          "password",
	"sqlite3":       "sqlite",
	"pgx":           "postgres",
	"pg":            "postgres",
	"pgsql":         "postgres",
}

func find(specs []spec, key string) (spec, bool) {
	if i := slices.IndexFunc(specs, func(s spec) bool { return s.key == key }); i >= 0 {
		return specs[i], true
	}
	return spec{}, false
}
