package sessionconfig

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/expanse-go/session/sqlstore"
)

// schemaQueries count the schemas with a given name. In MySQL a schema is a database;
// in SQLite it is an attached database.
var schemaQueries = map[sqlstore.Dialect]string{
	sqlstore.SQLite:     "SELECT count(*) FROM pragma_database_list WHERE lower(name) = lower(?)",
	sqlstore.PostgreSQL: "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1",
	sqlstore.MySQL:      "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?",
}

// schemaMistake reports a missing schema, and returns nil if the schema exists. It is
// called after a failure, because advice to run a migration would not help here.
func (c *Config) schemaMistake(ctx context.Context, db *sql.DB, con Connection) *Error {
	const key = "stores.database.schema"
	schema := c.settings.text(key)
	if schema == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var n int
	if err := db.QueryRowContext(ctx, schemaQueries[con.Dialect], schema).Scan(&n); err != nil || n > 0 {
		return nil // the original failure is more specific
	}
	reason := fmt.Sprintf("the schema %s does not exist in the database (connection %s)", schema, con)
	hint := fmt.Sprintf("create it with: CREATE SCHEMA %q", schema)
	switch con.Dialect {
	case sqlstore.SQLite:
		reason = fmt.Sprintf("no database %s is attached to the SQLite file (connection %s)", schema, con)
		hint = "remove this setting: SQLite has attached databases instead of schemas"
	case sqlstore.MySQL:
		reason = fmt.Sprintf("the database %s does not exist, or this user cannot see it (connection %s)", schema, con)
		hint = fmt.Sprintf("create it with: CREATE DATABASE `%s`, or remove this setting to use the connection's database", schema)
	}
	return c.settings.mistake("", key, reason, hint)
}
