package sessionconfig

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/expanse-go/session/sqlstore"
)

// schemaQueries count the schemas of a name. What MySQL calls a database, and what is
// attached to a SQLite file, are schemas here.
var schemaQueries = map[sqlstore.Dialect]string{
	sqlstore.SQLite:     "SELECT count(*) FROM pragma_database_list WHERE lower(name) = lower(?)",
	sqlstore.PostgreSQL: "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1",
	sqlstore.MySQL:      "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?",
}

// schemaMistake tells a missing schema from a missing table, for which a migration
// would be the wrong advice. It is asked after something has failed.
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
		return nil // the first failure says more
	}
	reason := fmt.Sprintf("there is no schema %s in the database (connection %s)", schema, con)
	hint := fmt.Sprintf("make it by: CREATE SCHEMA %q", schema)
	switch con.Dialect {
	case sqlstore.SQLite:
		reason = fmt.Sprintf("no database %s is attached to the SQLite file (connection %s)", schema, con)
		hint = "remove it: SQLite has no schemas but attached databases"
	case sqlstore.MySQL:
		reason = fmt.Sprintf("there is no database %s, or this user may not see it (connection %s)", schema, con)
		hint = fmt.Sprintf("make it by: CREATE DATABASE `%s`, or remove it to use the database of the connection", schema)
	}
	return c.settings.mistake("", key, reason, hint)
}
