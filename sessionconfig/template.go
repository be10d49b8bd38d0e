package sessionconfig

import _ "embed"

//go:embed templates/session.toml
var sessionTemplate string

//go:embed templates/database.toml
var databaseTemplate string

//go:embed templates/redis.toml
var redisTemplate string

//go:embed templates/env.example
var envTemplate string

// SessionTemplate returns a session.toml that lists every setting with its default and an
// explanation. All settings except store = "database" are commented out. The command beam
// init writes this file.
func SessionTemplate() string { return sessionTemplate }

// DatabaseTemplate returns a database.toml with three connections, named sqlite, postgres
// and mysql. The line default = "sqlite" selects one of them.
func DatabaseTemplate() string { return databaseTemplate }

// EnvTemplate returns a .env.example with the most useful variables, commented out.
func EnvTemplate() string { return envTemplate }

// RedisTemplate returns a redis.toml that lists every setting of a connection, with its default
// and an explanation.
func RedisTemplate() string { return redisTemplate }
