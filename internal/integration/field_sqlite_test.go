package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// What docs/deploying.md says about the files of SQLite: two more are beside the database,
// which lacks what is in them; a second program may use it meanwhile; and VACUUM INTO
// makes a copy of all.
func TestFieldSQLiteFiles(t *testing.T) {
	each(t, func(d database) bool { return isSQLite(d) && onDisk(d) }, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		other := open(t, p.connect(t), d.dialect, cfg)
		mustCreate(t, s, session.Record{ID: session.ID{1}})
		mustCreate(t, other, session.Record{ID: session.ID{2}})

		path, _, _ := strings.Cut(strings.TrimPrefix(p.dsn, "file:"), "?")
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if _, err := os.Stat(path + suffix); err != nil {
				t.Error(err)
			}
		}
		dir := t.TempDir()
		alone, whole := filepath.Join(dir, "alone.db"), filepath.Join(dir, "whole.db")
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(alone, content, 0o600); err != nil {
			t.Fatal(err)
		}
		mustExec(t, db, "VACUUM INTO ?", whole)
		for file, want := range map[string]bool{alone: false, whole: true} {
			q := place{driver: p.driver, dsn: "file:" + file}
			copied, err := newStore(q.connect(t), sqlstore.SQLite, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer copied.Close()
			for id := byte(1); id <= 2; id++ {
				if _, err := copied.Load(t.Context(), session.ID{id}); (err == nil) != want {
					t.Errorf("%s: session %d: %v, want it to be there: %t", filepath.Base(file), id, err, want)
				}
			}
		}
	})
}
