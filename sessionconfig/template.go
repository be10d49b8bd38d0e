package sessionconfig

import _ "embed"

//go:embed templates/session.toml
var sessionTemplate string

//go:embed templates/database.toml
var databaseTemplate string

//go:embed templates/env.example
var envTemplate string

// SessionTemplate is a session.toml in which every setting stands with its default
// and a comment, commented out but for store = "database". beam init writes it.
func SessionTemplate() string { return sessionTemplate }

// DatabaseTemplate is a database.toml with a connection of each kind, called sqlite,
// postgres and mysql; the line default = "sqlite" chooses.
func DatabaseTemplate() string { return databaseTemplate }

// EnvTemplate is a .env.example that shows the most useful variables, commented out.
func EnvTemplate() string { return envTemplate }
