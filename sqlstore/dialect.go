package sqlstore

import (
	"fmt"

	"github.com/expanse-go/session/internal/sqltable"
)

// A Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"   // SQLite 3.37 and later
	PostgreSQL Dialect = "postgres" // PostgreSQL 12 and later
	MySQL      Dialect = "mysql"    // MySQL 8.0.1 and later, MariaDB 10.6 and later
)

var dialects = map[Dialect]*sqltable.Dialect{
	SQLite:     sqltable.SQLite,
	PostgreSQL: sqltable.PostgreSQL,
	MySQL:      sqltable.MySQL,
}

func newNames(d Dialect, cfg Config) (sqltable.Names, error) {
	dialect := dialects[d]
	if dialect == nil {
		return sqltable.Names{}, fmt.Errorf("session: sqlstore: unknown dialect %q; use SQLite, PostgreSQL or MySQL", string(d))
	}
	return sqltable.NewNames(dialect, cfg.Schema, cfg.Table)
}
