package migrate

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	_ "modernc.org/sqlite"
)

const first = `-- +goose Up
CREATE TABLE pets (name TEXT NOT NULL);
CREATE INDEX pets_name ON pets (name);

-- +goose Down
DROP TABLE pets;
`

const second = `-- +goose Up
-- +goose StatementBegin
CREATE TRIGGER no_cats BEFORE INSERT ON pets BEGIN
	SELECT RAISE(ABORT, 'no cats') WHERE NEW.name = 'cat';
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER no_cats;
`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T) (*sql.DB, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "test.db")
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, file + ".migrate.lock"
}

func TestUpStatusDown(t *testing.T) {
	dir := write(t, map[string]string{"1_pets.sql": first, "2_trigger.sql": second, "readme.sql": "ignored"})
	db, lock := open(t)
	r, err := New(SQLite, db, dir, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	ran, err := r.Up(t.Context())
	if err != nil || len(ran) != 2 || ran[0].File != "1_pets.sql" || ran[1].File != "2_trigger.sql" {
		t.Fatalf("Up = %v, %v, want both files", ran, err)
	}
	if ran, err := r.Up(t.Context()); err != nil || len(ran) != 0 {
		t.Errorf("second Up = %v, %v, want nothing", ran, err)
	}
	if _, err := db.Exec("INSERT INTO pets VALUES ('cat')"); err == nil || !strings.Contains(err.Error(), "no cats") {
		t.Errorf("the trigger did not fire: %v", err)
	}
	if ran, err := r.Down(t.Context(), 1); err != nil || len(ran) != 1 || ran[0].File != "2_trigger.sql" {
		t.Errorf("Down(1) = %v, %v, want the second file", ran, err)
	}
	status, err := r.Status(t.Context())
	if err != nil || len(status) != 2 || status[0].Applied.IsZero() || !status[1].Applied.IsZero() {
		t.Errorf("Status = %v, %v, want the first applied only", status, err)
	}
	if ran, err := r.Down(t.Context(), 5); err != nil || len(ran) != 1 {
		t.Errorf("Down(5) = %v, %v, want what is left", ran, err)
	}
	if ran, err := r.Down(t.Context(), 1); err != nil || len(ran) != 0 {
		t.Errorf("Down of nothing = %v, %v, want nothing", ran, err)
	}
}

// Timestamps of two branches interleave: a migration that arrives late still runs.
func TestUpRunsALateOlderMigration(t *testing.T) {
	dir := write(t, map[string]string{"2_pets.sql": first})
	db, lock := open(t)
	r, err := New(SQLite, db, dir, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1_toys.sql"), []byte("-- +goose Up\nCREATE TABLE toys (a);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = New(SQLite, db, dir, lock, Table{Name: "history"}); err != nil {
		t.Fatal(err)
	}
	if ran, err := r.Up(t.Context()); err != nil || len(ran) != 1 || ran[0].File != "1_toys.sql" {
		t.Errorf("Up = %v, %v, want the older file", ran, err)
	}
}

func TestUpNamesTheFileThatFails(t *testing.T) {
	dir := write(t, map[string]string{"1_pets.sql": first, "2_wrong.sql": "-- +goose Up\nCREATE TABEL x (a);\n"})
	db, lock := open(t)
	r, err := New(SQLite, db, dir, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	ran, err := r.Up(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "2_wrong.sql: ") {
		t.Errorf("error = %v, want the name of the file first", err)
	}
	if len(ran) != 1 || ran[0].File != "1_pets.sql" {
		t.Errorf("Up ran %v, want the first file", ran)
	}
}

func TestNone(t *testing.T) {
	db, lock := open(t)
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "absent")} {
		if _, err := New(SQLite, db, dir, lock, Table{Name: "history"}); !errors.Is(err, ErrNone) {
			t.Errorf("New(%s) = %v, want ErrNone", dir, err)
		}
		if err := Print(t.Context(), new(bytes.Buffer), SQLite, dir); !errors.Is(err, ErrNone) {
			t.Errorf("Print(%s) = %v, want ErrNone", dir, err)
		}
	}
}

func TestPrint(t *testing.T) {
	dir := write(t, map[string]string{"1_pets.sql": first, "2_trigger.sql": second})
	var got bytes.Buffer
	if err := Print(t.Context(), &got, SQLite, dir); err != nil {
		t.Fatal(err)
	}
	want := `-- 1_pets.sql
CREATE TABLE pets (name TEXT NOT NULL);
CREATE INDEX pets_name ON pets (name);

-- 2_trigger.sql
CREATE TRIGGER no_cats BEFORE INSERT ON pets BEGIN
	SELECT RAISE(ABORT, 'no cats') WHERE NEW.name = 'cat';
END;
`
	if got.String() != want {
		t.Errorf("Print:\n%s\nwant:\n%s", got.String(), want)
	}
	// A database can run the printed statements unchanged.
	db, _ := open(t)
	if _, err := db.Exec(got.String()); err != nil {
		t.Error(err)
	}
}

// old makes goose's own table, in which the given versions have run.
func old(t *testing.T, db *sql.DB, versions ...int64) {
	t.Helper()
	store, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.CreateVersionTable(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for _, v := range append([]int64{0}, versions...) {
		if err := store.Insert(t.Context(), db, database.InsertRequest{Version: v}); err != nil {
			t.Fatal(err)
		}
	}
}

// up runs the migrations of a folder and returns the names of the files.
func up(t *testing.T, db *sql.DB, dir, lock string) (files string, r *Runner) {
	t.Helper()
	r, err := New(SQLite, db, dir, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	ran, err := r.Up(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ran {
		files += m.File + " "
	}
	return files, r
}

// gooseTable returns the versions in goose's own table, "no table" if there is none.
func gooseTable(db *sql.DB) string {
	var versions sql.NullString
	err := db.QueryRow("SELECT group_concat(version_id) FROM (SELECT version_id FROM goose_db_version ORDER BY id)").Scan(&versions)
	if err != nil {
		return "no table"
	}
	return versions.String
}

// TestField23TakeOver checks what becomes of goose's own table, which earlier versions used:
// it is taken over if it holds only migrations of the folder, and it is never changed if
// another program has migrations there.
func TestField23TakeOver(t *testing.T) {
	for _, c := range []struct {
		name     string
		versions []int64
		ran      string
		left     string
		mixed    []int64
	}{
		{"only ours", []int64{1, 2}, "", "no table", nil},
		{"one of ours", []int64{1}, "2_trigger.sql ", "no table", nil},
		{"ours and others", []int64{1, 7}, "2_trigger.sql ", "0,1,7", []int64{1}},
		{"only others", []int64{7}, "1_pets.sql 2_trigger.sql ", "0,7", nil},
		{"empty", nil, "1_pets.sql 2_trigger.sql ", "0", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write(t, map[string]string{"1_pets.sql": first, "2_trigger.sql": second})
			db, lock := open(t)
			old(t, db, c.versions...)
			if slices.Contains(c.versions, 1) {
				if _, err := db.Exec("CREATE TABLE pets (name TEXT NOT NULL)"); err != nil {
					t.Fatal(err)
				}
			}
			got, r := up(t, db, dir, lock)
			if got != c.ran || gooseTable(db) != c.left || !slices.Equal(r.Mixed(), c.mixed) {
				t.Errorf("ran %q, left %q, mixed %v; want %q, %q, %v", got, gooseTable(db), r.Mixed(), c.ran, c.left, c.mixed)
			}
			if got, r := up(t, db, dir, lock); got != "" || r.Mixed() != nil {
				t.Errorf("the second time: ran %q, mixed %v, want nothing", got, r.Mixed())
			}
			if last, err := r.Last(t.Context(), 1); err != nil || !slices.Equal(last, []string{"2_trigger.sql"}) {
				t.Errorf("Last = %v, %v, want the second file", last, err)
			}
		})
	}
}

// TestField23TwoProjects migrates one database from two folders, whose migrations have the
// same version. A file that is only renamed does not run again.
func TestField23TwoProjects(t *testing.T) {
	one := write(t, map[string]string{"1_pets.sql": first})
	two := write(t, map[string]string{"1_toys.sql": "-- +goose Up\nCREATE TABLE toys (a);\n-- +goose Down\nDROP TABLE toys;\n"})
	renamed := write(t, map[string]string{"1_animals.sql": first})
	db, lock := open(t)
	for _, c := range []struct{ dir, want string }{
		{one, "1_pets.sql "}, {two, "1_toys.sql "}, {one, ""}, {two, ""}, {renamed, ""},
	} {
		if got, _ := up(t, db, c.dir, lock); got != c.want {
			t.Errorf("ran %q, want %q", got, c.want)
		}
	}
	r, err := New(SQLite, db, one, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Last(t.Context(), 1); !errors.Is(err, ErrNoFile) || !strings.Contains(err.Error(), "1_toys.sql") {
		t.Errorf("Last = %v, want ErrNoFile and the file of the other project", err)
	}
	if ran, err := r.DownOnly(t.Context(), "1_pets.sql"); err != nil || len(ran) != 1 {
		t.Errorf("DownOnly = %v, %v, want the one file", ran, err)
	}
	if got, _ := up(t, db, two, lock); got != "" {
		t.Errorf("the rollback of one project made the other one run %q again", got)
	}
}

// TestField23StatusLooks asks for the status of a database that was never migrated.
func TestField23StatusLooks(t *testing.T) {
	dir := write(t, map[string]string{"1_pets.sql": first})
	db, lock := open(t)
	r, err := New(SQLite, db, dir, lock, Table{Name: "history"})
	if err != nil {
		t.Fatal(err)
	}
	status, err := r.Status(t.Context())
	if err != nil || len(status) != 1 || !status[0].Applied.IsZero() {
		t.Errorf("Status = %v, %v, want one that is pending", status, err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n); err != nil || n != 0 {
		t.Errorf("the database has %d objects, %v, want none", n, err)
	}
	if _, err := os.Stat(lock); !os.IsNotExist(err) {
		t.Errorf("the lock file: %v, want none", err)
	}
}

// A second runner waits for the lock until its context is cancelled.
func TestFileLockExcludesAndCancels(t *testing.T) {
	_, path := open(t)
	holder := &fileLocker{path: path}
	if err := holder.SessionLock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	waiter := &fileLocker{path: path}
	if err := waiter.SessionLock(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("lock while held = %v, want context.Canceled", err)
	}
	if err := holder.SessionUnlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// The abandoned goroutine releases the lock as soon as it gets it.
	waiter.waiting.Wait()
	if err := waiter.SessionLock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := waiter.SessionUnlock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}
