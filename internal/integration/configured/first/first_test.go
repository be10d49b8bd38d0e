// Package first runs the tests with the drivers that sessionconfig prefers.
package first

import (
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/expanse-go/session/internal/integration/configured"
)

func TestSQLite(t *testing.T)     { configured.SQLite(t) }
func TestPostgreSQL(t *testing.T) { configured.PostgreSQL(t) }
func TestPool(t *testing.T)       { configured.Pool(t) }
func TestMySQL(t *testing.T)      { configured.MySQL(t) }
