package sessionconfig

import (
	"database/sql"
	"fmt"
	"slices"

	"github.com/expanse-go/session/sqlstore"
)

// drivers are the names under which the drivers of a dialect register, the preferred
// one first, and the import that brings that one. A program imports the driver it
// wants, and its binary holds no other.
var drivers = map[sqlstore.Dialect]struct {
	names []string
	path  string
}{
	sqlstore.SQLite:     {[]string{"sqlite", "sqlite3"}, "modernc.org/sqlite"},
	sqlstore.PostgreSQL: {[]string{"pgx", "postgres"}, "github.com/jackc/pgx/v5/stdlib"},
	sqlstore.MySQL:      {[]string{"mysql"}, "github.com/go-sql-driver/mysql"},
}

// driverOf finds a driver in the program.
func (c *connection) driver() (string, *Error) {
	d := drivers[c.dialect()]
	compiledIn := sql.Drivers()
	for _, name := range d.names {
		if slices.Contains(compiledIn, name) {
			return name, nil
		}
	}
	m := c.settings.mistake(c.prefix(), "driver", "is not compiled into this program",
		fmt.Sprintf("add to its imports: _ %q", d.path))
	return "", m
}
