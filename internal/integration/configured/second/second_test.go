// Package second runs the tests with the other drivers that sessionconfig supports.
package second

import (
	"testing"

	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"

	"github.com/expanse-go/session/internal/integration/configured"
)

func TestSQLite(t *testing.T)     { configured.SQLite(t) }
func TestPostgreSQL(t *testing.T) { configured.PostgreSQL(t) }
