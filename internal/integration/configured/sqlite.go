package configured

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// SQLite tests the database store on a file, with the driver that is linked.
func SQLite(t *testing.T) {
	t.Run("works", func(t *testing.T) {
		p := NewProject(t, "driver = \"sqlite\"\ndatabase = \"data/my app%20?#.db\"")

		// Opening does not create the file; the migration does.
		want := `session: config/database.toml:4: connections.main.database = "data/my app%20?#.db": the file does not exist yet, so there is no table for sessions; create it with: beam make session-table && beam db migrate`
		if got := p.Report(t); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		if _, err := os.Stat(p.Path("data")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Check made the folder (%v)", err)
		}

		p.Migrate(t, nil)
		info, err := os.Stat(p.Path("data/my app%20?#.db"))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("got %v, %v, want a file of mode 0600 that is not empty", info, err)
		}
		if err := p.Load(t).Check(t.Context()); err != nil {
			t.Error(err)
		}
		p.Works(t)
	})
	t.Run("dsn", sqliteDSN)
	t.Run("options", sqliteOptions)
	t.Run("reports", sqliteReports)
}

// sqliteDSN tests that a file in a dsn is treated like a file given by its path.
func sqliteDSN(t *testing.T) {
	for _, form := range []string{"file:%s", "file://%s?_pragma=busy_timeout(100)", "%s"} {
		p := NewProject(t, "driver = \"sqlite\"")
		file := p.Path("new one.db")
		environ := "DB_CONNECTIONS__MAIN__DSN=" + fmt.Sprintf(form, file)
		want := `session: DB_CONNECTIONS__MAIN__DSN: connections.main.dsn = [redacted]: the file does not exist yet, so there is no table for sessions; create it with: beam make session-table && beam db migrate`
		if got := p.Report(t, environ); got != want {
			t.Errorf("%s: got %s\nwant %s", form, got, want)
		}
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Check made the file (%v)", form, err)
		}
		p.Migrate(t, nil, environ)
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want a file of mode 0600", form, info, err)
		}
		p.Works(t, environ)
	}
}

func sqliteOptions(t *testing.T) {
	p := NewProject(t, "driver = \"sqlite\"\ndatabase = \"app.db\"")
	tests := []struct {
		environ []string
		want    map[string]string
	}{
		{nil, map[string]string{"journal_mode": "wal", "busy_timeout": "1000", "foreign_keys": "1", "synchronous": "1"}},
		{
			[]string{
				"DB_CONNECTIONS__MAIN__OPTIONS__SYNCHRONOUS=FULL", "DB_CONNECTIONS__MAIN__OPTIONS__BUSY_TIMEOUT=250",
				"DB_CONNECTIONS__MAIN__OPTIONS__FOREIGN_KEYS=off", "DB_CONNECTIONS__MAIN__OPTIONS__CACHE_SIZE=-4000",
			},
			map[string]string{"journal_mode": "wal", "busy_timeout": "250", "foreign_keys": "0", "synchronous": "2", "cache_size": "-4000"},
		},
	}
	for _, tc := range tests {
		db, err := p.Load(t, tc.environ...).OpenDB(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		for pragma, want := range tc.want {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: got %s (%v), want %s", pragma, got, err, want)
			}
		}
	}
}

func sqliteReports(t *testing.T) {
	const file = "driver = \"sqlite\"\ndatabase = \"app.db\""

	p := NewProject(t, file)
	p.Write(t, "app.db", "")
	want := `session: stores.database.table = "sessions": there is no table sessions in the database; create it with: beam make session-table && beam db migrate (connection main (sqlite app.db))`
	if got := p.Report(t); got != want {
		t.Errorf("missing table: got %s\nwant %s", got, want)
	}

	p.Write(t, "app.db", strings.Repeat("this is no database ", 100))
	if got := p.Report(t); !strings.HasPrefix(got, "session: config/database.toml:4: connections.main.database = \"app.db\": ") &&
		!strings.HasPrefix(got, `session: stores.database.table = "sessions": `) || !strings.Contains(got, "not a database") {
		t.Errorf("no database: got %s", got)
	}

	p = NewProject(t, file)
	p.Migrate(t, func(db *sql.DB) { Exec(t, db, "ALTER TABLE sessions RENAME COLUMN owner TO proprietor") })
	if got := p.Report(t); !strings.Contains(got, "no column owner") {
		t.Errorf("older table: got %s", got)
	}

	want = `session: SESSION_STORES__DATABASE__SCHEMA: stores.database.schema = "web": no database web is attached to the SQLite file (connection main (sqlite app.db)); remove this setting: SQLite has attached databases instead of schemas`
	if got := p.Report(t, "SESSION_STORES__DATABASE__SCHEMA=web"); got != want {
		t.Errorf("schema: got %s\nwant %s", got, want)
	}

	p = NewProject(t, "driver = \"sqlite\"\ndatabase = \"config\"")
	want = `session: config/database.toml:4: connections.main.database = "config": cannot be written: is a directory; name a file inside it`
	if got := p.Report(t); got != want {
		t.Errorf("folder: got %s\nwant %s", got, want)
	}

	p = NewProject(t, "driver = \"sqlite\"\ndatabase = \"config/session.toml/app.db\"")
	if _, err := p.Load(t).OpenDB(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "the file cannot be created: not a directory") {
		t.Errorf("impossible folder: got %v", err)
	}
}
