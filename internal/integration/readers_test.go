package integration

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/internal/readercheck"
	"github.com/expanse-go/session/sqlstore"
)

// TestReadersOfTables compares the readers of docs/format with the manager on each database. They
// get the columns of the table; the one in Python, which has a driver, also opens SQLite itself.
func TestReadersOfTables(t *testing.T) {
	each(t, eachServer, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		table, param := cfg.Table, "?"
		if d.dialect == sqlstore.PostgreSQL {
			table, param = `"`+cfg.Schema+`".`+table, "$1"
		}
		readercheck.Run(t, open(t, db, d.dialect, cfg), func(id session.ID) []readercheck.Value {
			var owner string
			var created, activity, expires int64
			var data []byte
			row := db.QueryRowContext(t.Context(), "SELECT owner, created_at, last_activity, expires_at, data FROM "+table+" WHERE id = "+param, id[:])
			if err := row.Scan(&owner, &created, &activity, &expires, &data); err != nil {
				t.Fatal(err)
			}
			values := []readercheck.Value{readercheck.Row(owner, created, activity, expires, data)}
			if d.dialect == sqlstore.SQLite {
				u, err := url.Parse(p.dsn)
				if err != nil {
					t.Fatal(err)
				}
				file := map[string]string{"file": strings.TrimPrefix(u.Opaque+u.Path, "file:"), "table": cfg.Table}
				values = append(values, readercheck.Value{Kind: "sqlite", Value: file, Only: "reader.py"})
			}
			return values
		})
	})
}

// TestReadersOfFiles compares the readers with the manager on files, which they open themselves,
// or get as bytes.
func TestReadersOfFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := filestore.Open(dir, filestore.Config{DangerouslyNoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	damaged := false
	readercheck.Run(t, s, func(id session.ID) []readercheck.Value {
		file := filepath.Join(dir, "records", id.String()[:2], id.String())
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !damaged { // one file, whose checksum of the head is wrong then
			damaged = true
			b[40] ^= 1
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return []readercheck.Value{{Kind: "folder", Value: dir}, readercheck.Binary("file", b)}
	})
}
