package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/respawn"
	"github.com/expanse-go/session/sqlstore"
)

// Some tests start the test binary again as child processes, which have a job.
func TestMain(m *testing.M) {
	job, args := respawn.Job()
	if job == "" {
		os.Exit(m.Run())
	}
	do := map[string]func([]byte) error{"write": writeShared, "watch": watchHere}[job]
	if err := do(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

const marksPerChild = 50

// sharedFile is the argument of writeShared.
type sharedFile struct{ Driver, File string }

func writeShared(args []byte) error {
	var shared sharedFile
	if err := json.Unmarshal(args, &shared); err != nil {
		return err
	}
	db, err := sql.Open(shared.Driver, "file:"+shared.File)
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Config{})
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := s.Check(ctx); err != nil {
		return err
	}
	// Write a session of this process and one that all processes share, at the same
	// time.
	own := session.ID{2, byte(os.Getpid()), byte(os.Getpid() >> 8), byte(os.Getpid() >> 16)}
	if err := s.Create(ctx, session.Record{ID: own}); err != nil {
		return err
	}
	errs := make(chan error, 2)
	for _, id := range []session.ID{own, {1}} {
		go func() { errs <- raise(ctx, s, id, marksPerChild) }()
	}
	for range 2 {
		if err := <-errs; err != nil {
			return err
		}
	}
	return nil
}

// Several processes write one SQLite file, with both drivers, one of them without a
// busy timeout. None of them gets "database is locked", and no version is lost.
func TestProcessesShareOneFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shared.db")
	p := place{driver: "sqlite", dsn: "file:" + file}
	db := p.connect(t)
	migrate(t, db, sqlstore.SQLite, sqlstore.Config{})
	s := open(t, db, sqlstore.SQLite, sqlstore.Config{})
	mustCreate(t, s, session.Record{ID: session.ID{1}})

	drivers := []string{"sqlite", "sqlite3", "sqlite", "sqlite3"}
	var running []*exec.Cmd
	for _, driver := range drivers {
		cmd, _, _, err := respawn.Start("write", sharedFile{driver, file})
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	if err := raise(t.Context(), s, session.ID{1}, marksPerChild); err != nil {
		t.Error(err)
	}
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d (%s): %v", i, drivers[i], err)
		}
	}
	records := 0
	for r, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		records++
		want := marksPerChild
		if r.ID == (session.ID{1}) {
			want *= len(drivers) + 1
		}
		if len(r.Data) != want || r.Version != uint64(want)+1 {
			t.Errorf("%s: got %d marks in version %d, want %d marks", r.ID, len(r.Data), r.Version, want)
		}
	}
	if want := len(drivers) + 1; records != want {
		t.Errorf("got %d records, want %d", records, want)
	}
}

// A writer waits for a transaction of another process until its context ends; a reader
// does not wait.
func TestLockOfAnotherConnection(t *testing.T) {
	each(t, func(d database) bool {
		return isSQLite(d) && d.name != "sqlite-modernc-memory" && d.name != "sqlite-mattn-memory"
	},
		func(t *testing.T, d database) {
			p := d.place(t)
			db := p.connect(t)
			s := open(t, db, d.dialect, p.table(t, db, d.dialect))
			mustCreate(t, s, session.Record{ID: session.ID{1}})
			other, err := p.connect(t).Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load(t.Context(), session.ID{1}); err != nil {
				t.Errorf("load under another one's lock: %v", err)
			}
			short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if err := s.Update(short, session.Record{ID: session.ID{1}, Version: 1}); err == nil {
				t.Error("an update went through another one's lock")
			}
			updated := make(chan error, 1)
			go func() { updated <- s.Update(t.Context(), session.Record{ID: session.ID{1}, Version: 1}) }()
			if _, err := other.ExecContext(t.Context(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			if err := <-updated; err != nil {
				t.Errorf("update after the lock was given up: %v", err)
			}
		})
}
