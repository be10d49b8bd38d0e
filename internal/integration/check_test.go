package integration

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// quoted returns the name of the table as statements need it.
func quoted(d sqlstore.Dialect, cfg sqlstore.Config) string {
	q := `"`
	if d == sqlstore.MySQL {
		q = "`"
	}
	name := q + cfg.Table + q
	if cfg.Schema != "" {
		name = q + cfg.Schema + q + "." + name
	}
	return name
}

func TestCheck(t *testing.T) {
	const command = "beam make session-table && beam db migrate"
	// A table from an older version or another tool.
	older := "(id CHAR(16) NOT NULL, version BIGINT NOT NULL, owner CHAR(36) NOT NULL, payload CHAR(9) NOT NULL)"
	for _, c := range []struct {
		name     string
		change   func(table string) []string // applied to the right table
		problems []string                    // that the error must name
	}{
		{"missing table", func(table string) []string {
			return []string{"DROP TABLE " + table}
		}, nil},
		{"missing column", func(table string) []string {
			return []string{"ALTER TABLE " + table + " DROP COLUMN user_agent"}
		}, []string{"no column user_agent"}},
		{"older table", func(table string) []string {
			return []string{"DROP TABLE " + table, "CREATE TABLE " + table + " " + older}
		}, []string{"id is char", "no column data", "no column expires_hour", "no column last_activity", "owner is char"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, all, func(t *testing.T, d database) {
				p := d.place(t)
				db := p.connect(t)
				cfg := p.table(t, db, d.dialect)
				s := open(t, db, d.dialect, cfg) // the table is still the right one
				for _, statement := range c.change(quoted(d.dialect, cfg)) {
					mustExec(t, db, statement)
				}
				err := s.Check(t.Context())
				var schema *sqlstore.SchemaError
				if !errors.As(err, &schema) {
					t.Fatalf("got %v, want a *SchemaError", err)
				}
				if !strings.Contains(err.Error(), cfg.Table) || !strings.HasSuffix(err.Error(), command) {
					t.Errorf("%q does not name the table and the command", err)
				}
				if !slices.IsSorted(schema.Problems) || (len(schema.Problems) > 0) != (len(c.problems) > 0) {
					t.Errorf("got problems %q", schema.Problems)
				}
				for _, want := range c.problems {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not say %q", err, want)
					}
				}
			})
		})
	}
}

func TestCheckWantsThePrimaryKey(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := sqlstore.Config{Schema: p.schema, Table: "unkeyed"}
		migrations, err := sqlstore.Migrations(d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range migrations[0].Statements() {
			mustExec(t, db, strings.Replace(statement, "PRIMARY KEY", "", 1))
		}
		s, err := newStore(db, d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "id is not the primary key") {
			t.Errorf("got %v, want an error about the key", err)
		}
	})
}

func TestDownUndoesUp(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		migrations, err := sqlstore.Migrations(d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, migrations[0].Down())
		migrate(t, db, d.dialect, cfg) // fails if an index is left
		open(t, db, d.dialect, cfg)
	})
}

// Names that must be quoted: a reserved word, and an upper-case name.
func TestNamesAreQuoted(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		for _, table := range []string{"order", "Select", "sessions"} {
			cfg := sqlstore.Config{Schema: p.schema, Table: table}
			if table == "sessions" {
				cfg.Table = "" // the default
			}
			migrate(t, db, d.dialect, cfg)
			s := open(t, db, d.dialect, cfg)
			r := session.Record{ID: session.ID{1}, Owner: "ada"}
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatalf("%s: %v", table, err)
			}
			if got, err := s.Load(t.Context(), r.ID); err != nil || got.Owner != "ada" {
				t.Errorf("%s: got owner %q, %v", table, got.Owner, err)
			}
		}
	})
}

func isSQLite(d database) bool { return d.dialect == sqlstore.SQLite }

func TestCheckOfSQLite(t *testing.T) {
	for _, driver := range []string{"sqlite", "sqlite3"} {
		t.Run(driver, func(t *testing.T) {
			t.Run("memory in many connections", func(t *testing.T) {
				p := place{driver: driver, dsn: ":memory:", conns: 1}
				db := p.connect(t)
				cfg := p.table(t, db, sqlstore.SQLite)
				s := open(t, db, sqlstore.SQLite, cfg)
				db.SetMaxOpenConns(2)
				if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "SetMaxOpenConns(1)") {
					t.Errorf("got %v, want the remedy", err)
				}
			})
			t.Run("write-ahead log", func(t *testing.T) {
				p := sqliteFile(driver, "")(t)
				db := p.connect(t)
				cfg := p.table(t, db, sqlstore.SQLite)
				if got := journalMode(t, db); got == "wal" {
					t.Fatalf("the file is in mode %q before the check, so that this tests nothing", got)
				}
				open(t, db, sqlstore.SQLite, cfg)
				if got := journalMode(t, p.connect(t)); got != "wal" {
					t.Errorf("after the check, a new connection finds journal mode %q", got)
				}
			})
			t.Run("attached database", func(t *testing.T) {
				p := sqliteFile(driver, "")(t)
				p.conns = 1 // each connection would have to attach it
				db := p.connect(t)
				mustExec(t, db, "ATTACH DATABASE ? AS web", t.TempDir()+"/web.db")
				cfg := sqlstore.Config{Schema: "web"}
				migrate(t, db, sqlstore.SQLite, cfg)
				s := open(t, db, sqlstore.SQLite, cfg)
				if err := s.Create(t.Context(), session.Record{ID: session.ID{1}}); err != nil {
					t.Error(err)
				}
				if missing, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Config{}); err != nil {
					t.Error(err)
				} else if err := missing.Check(t.Context()); err == nil {
					t.Error("the table of the attached database was found in the main one")
				}
			})
		})
	}
}

func journalMode(tb testing.TB, db *sql.DB) (mode string) {
	tb.Helper()
	if err := db.QueryRow("PRAGMA journal_mode").Scan(&mode); err != nil {
		tb.Fatal(err)
	}
	return mode
}
