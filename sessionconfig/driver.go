package sessionconfig

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/expanse-go/session/sqlstore"
)

// drivers lists, for each dialect, the names under which drivers register, the preferred
// one first, and the import path of the preferred one. A program imports the driver that
// it wants, so its binary contains no other.
var drivers = map[sqlstore.Dialect]struct {
	names []string
	path  string
}{
	sqlstore.SQLite:     {[]string{"sqlite", "sqlite3"}, "modernc.org/sqlite"},
	sqlstore.PostgreSQL: {[]string{"pgx", "postgres"}, "github.com/jackc/pgx/v5/stdlib"},
	sqlstore.MySQL:      {[]string{"mysql"}, "github.com/go-sql-driver/mysql"},
}

// driver returns the name of a driver that is compiled into the program.
func (c *connection) driver() (string, *Error) {
	d := drivers[c.dialect()]
	compiledIn := sql.Drivers()
	for _, name := range d.names {
		if slices.Contains(compiledIn, name) {
			return name, nil
		}
	}
	m := c.settings.mistake(c.prefix(), "driver", "is not compiled into this program",
		fmt.Sprintf("add the import _ %q", d.path))
	return "", m
}
