package filestore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// age sets back the modification time of a file.
func age(t *testing.T, name string, by time.Duration) {
	t.Helper()
	past := time.Now().Add(-by)
	if err := os.Chtimes(name, past, past); err != nil {
		t.Fatal(err)
	}
}

func exists(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Lstat(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// TestPruneInSteps removes a hundred records, seven at a time.
func TestPruneInSteps(t *testing.T) {
	s, dir := open(t)
	for i := range 150 {
		r := numbered(i*3, "ada")
		if i%3 == 0 {
			r.ExpiresAt = r.ExpiresAt.Add(time.Hour)
		}
		create(t, s, r)
	}
	before := sample().ExpiresAt.Add(time.Second)
	for left := 100; left > 0; left -= 7 {
		if got, err := s.Prune(t.Context(), before, 7); got != min(7, left) || err != nil {
			t.Fatalf("with %d left, Prune = %d, %v", left, got, err)
		}
	}
	if got, err := s.Prune(t.Context(), before, 7); got != 0 || err != nil {
		t.Errorf("after the last, Prune = %d, %v", got, err)
	}
	if got := len(files(t, filepath.Join(dir, "records"))); got != 50 {
		t.Errorf("%d records are left, want 50", got)
	}
	if got := marks(t, dir); got != 50 {
		t.Errorf("%d marks are left, want 50", got)
	}
}

func TestPruneContinues(t *testing.T) {
	s, dir := open(t)
	s.cursor.Store(0)
	last := numbered(255, "")
	create(t, s, numbered(1, ""))
	create(t, s, numbered(2, ""))
	create(t, s, last)
	late := last.ExpiresAt.Add(time.Second)
	for range 2 {
		if got, err := s.Prune(t.Context(), late, 1); got != 1 || err != nil {
			t.Fatalf("Prune = %d, %v; want one", got, err)
		}
	}
	create(t, s, numbered(0, ""))
	if got, err := s.Prune(t.Context(), late, 1); got != 1 || err != nil {
		t.Fatalf("Prune = %d, %v; want one", got, err)
	}
	if exists(t, recordFile(dir, last.ID)) || !exists(t, recordFile(dir, numbered(0, "").ID)) {
		t.Error("Prune started from the beginning again, want it to continue")
	}
}

func TestPruneTempFiles(t *testing.T) {
	s, dir := open(t)
	r := sample()
	create(t, s, r)
	old, young := recordFile(dir, r.ID)+".0123456789abcdef.tmp", recordFile(dir, r.ID)+".fedcba9876543210.tmp"
	foreign := filepath.Join(dir, "records", "7f", "notes.0123456789abcdef.tmp")
	for _, name := range []string{old, young, foreign} {
		write(t, name, "half a rec")
	}
	age(t, old, session.PruneSlack+time.Minute)
	age(t, foreign, 1000*time.Hour)
	if n, err := s.Prune(t.Context(), time.Unix(0, 0), 10); n != 0 || err != nil {
		t.Errorf("Prune = %d, %v; temporary files and marks must not count", n, err)
	}
	if exists(t, old) {
		t.Error("an old temporary file is still there")
	}
	if !exists(t, young) {
		t.Error("a temporary file that a process may still be writing is gone")
	}
	if !exists(t, foreign) {
		t.Error("a file that does not belong to the store is gone")
	}
	if _, err := s.Load(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
}

// TestPruneTempFilesOfOpenAndMarks has the files of a process that died while it opened
// the store, and of a writer that died before it wrote the record of a mark.
func TestPruneTempFilesOfOpenAndMarks(t *testing.T) {
	s, dir := open(t)
	r := numbered(1, "ada")
	create(t, s, r)
	old := filepath.Join(dir, "locks", writable+".0123456789abcdef.tmp")
	young := filepath.Join(dir, "locks", writable+".fedcba9876543210.tmp")
	lost := filepath.Join(dir, "owners", markName(ownerKey("ada"), numbered(2, "").ID))
	kept := filepath.Join(dir, "owners", markName(ownerKey("ada"), r.ID))
	notes := filepath.Join(dir, "owners", ownerKey("ada")[:2], "notes."+r.ID.String())
	for _, name := range []string{old, young, lost, notes} {
		write(t, name, "")
	}
	age(t, old, session.PruneSlack+time.Minute)
	if n, err := s.Prune(t.Context(), time.Unix(0, 0), 10); n != 0 || err != nil {
		t.Errorf("Prune = %d, %v; temporary files and marks must not count", n, err)
	}
	for name, want := range map[string]bool{
		old: false, lost: false,
		young: true, kept: true, notes: true, filepath.Join(dir, "locks", writable): true,
	} {
		if got := exists(t, name); got != want {
			t.Errorf("%s is there: %t, want %t", name, got, want)
		}
	}
}

func TestPruneCorruptFiles(t *testing.T) {
	s, dir := open(t)
	name := recordFile(dir, sample().ID)
	write(t, name, "not a record")
	age(t, name, corruptRetention-time.Hour)
	if n, err := s.Prune(t.Context(), time.Now(), 10); n != 0 || err != nil || !exists(t, name) {
		t.Errorf("Prune = %d, %v; want to keep the file for 400 days", n, err)
	}
	age(t, name, corruptRetention+time.Hour)
	if n, err := s.Prune(t.Context(), time.Now(), 10); n != 1 || err != nil || exists(t, name) {
		t.Errorf("Prune = %d, %v; want the file gone after 400 days", n, err)
	}
}

// TestPruneChecksAgain touches a record between the check of its head and the removal.
func TestPruneChecksAgain(t *testing.T) {
	s, dir := open(t)
	r := sample()
	create(t, s, r)
	w := sweep{store: s, before: r.ExpiresAt.Add(time.Second), now: time.Now(), limit: 10}
	if !w.prunable(r.ID) {
		t.Fatal("the record is not prunable")
	}
	release, err := s.lock(t.Context(), r.ID[0])
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.record(t.Context(), r.ID)
	}()
	r.ExpiresAt = w.before
	content, err := encode(&r, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.write(r.ID, content, s.full); err != nil {
		t.Fatal(err)
	}
	release()
	<-done
	if w.removed != 0 || w.first != nil || !exists(t, recordFile(dir, r.ID)) {
		t.Errorf("removed %d, error %v; want the touched record kept", w.removed, w.first)
	}
}

func TestPruneCancelled(t *testing.T) {
	s, dir := open(t)
	create(t, s, sample())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := s.Prune(ctx, sample().ExpiresAt.Add(time.Second), 10)
	if n != 0 || !errors.Is(err, context.Canceled) || !exists(t, recordFile(dir, sample().ID)) {
		t.Errorf("Prune = %d, %v; want the context's error", n, err)
	}
}

// TestPruneContinuesAfterError has a folder in the place of a record, which Remove cannot
// remove. Prune must remove the other records, and return the error.
func TestPruneContinuesAfterError(t *testing.T) {
	s, dir := open(t)
	stuck := recordFile(dir, numbered(1, "").ID)
	write(t, stuck+"/x", "")
	age(t, stuck, corruptRetention+time.Hour)
	create(t, s, numbered(2, ""))
	n, err := s.Prune(t.Context(), sample().ExpiresAt.Add(time.Second), 10)
	if n != 1 || err == nil {
		t.Errorf("Prune = %d, %v; want one and an error", n, err)
	}
}
