package migrate

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	r, err := New(SQLite, db, dir, lock)
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
	r, err := New(SQLite, db, dir, lock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1_toys.sql"), []byte("-- +goose Up\nCREATE TABLE toys (a);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = New(SQLite, db, dir, lock); err != nil {
		t.Fatal(err)
	}
	if ran, err := r.Up(t.Context()); err != nil || len(ran) != 1 || ran[0].File != "1_toys.sql" {
		t.Errorf("Up = %v, %v, want the older file", ran, err)
	}
}

func TestUpNamesTheFileThatFails(t *testing.T) {
	dir := write(t, map[string]string{"1_pets.sql": first, "2_wrong.sql": "-- +goose Up\nCREATE TABEL x (a);\n"})
	db, lock := open(t)
	r, err := New(SQLite, db, dir, lock)
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
		if _, err := New(SQLite, db, dir, lock); !errors.Is(err, ErrNone) {
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
