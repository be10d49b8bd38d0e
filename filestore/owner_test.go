package filestore

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/expanse-go/session"
)

// numbered returns a record with an ID that depends on i.
func numbered(i int, owner string) session.Record {
	r := sample()
	r.ID = session.ID{byte(i), byte(i >> 8), 1}
	r.Owner = owner
	r.Version = 1
	return r
}

func marks(t *testing.T, dir string) int {
	t.Helper()
	return len(files(t, filepath.Join(dir, "owners")))
}

func TestMarksFollowTheOwner(t *testing.T) {
	ctx := t.Context()
	s, dir := open(t)
	r := numbered(1, "")
	create(t, s, r)
	for _, step := range []struct {
		owner string
		marks int
	}{{"", 0}, {"ada", 1}, {"ada", 1}, {"bob/../../..", 1}, {"", 0}, {"ada", 1}} {
		r.Owner = step.owner
		if err := s.Update(ctx, r); err != nil {
			t.Fatal(err)
		}
		r.Version++
		if got := marks(t, dir); got != step.marks { // before a listing removes marks
			t.Errorf("owned by %q: %d marks, want %d", step.owner, got, step.marks)
		}
		for _, owner := range []string{"", "ada", "bob/../../.."} {
			got := ids(t, s, owner)
			if want := owner == step.owner; slices.Contains(got, r.ID) != want || len(got) > 1 {
				t.Errorf("owned by %q: listing %q yields %v", step.owner, owner, got)
			}
		}
	}
	if err := s.Delete(ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	if got := marks(t, dir); got != 0 {
		t.Errorf("after Delete: %d marks, want none", got)
	}
}

// TestStaleMarks creates the marks that crashes leave. They must not change the result of
// a listing, which removes them.
func TestStaleMarks(t *testing.T) {
	s, dir := open(t)
	mine, theirs, missing := numbered(1, "ada"), numbered(2, "bob"), numbered(3, "ada")
	create(t, s, mine)
	create(t, s, theirs)
	for _, r := range []session.Record{theirs, missing} {
		if err := s.mark("ada", r.ID); err != nil {
			t.Fatal(err)
		}
	}
	// The mark of a corrupt record stays, because the owner of the record is unknown.
	damaged := numbered(4, "ada")
	create(t, s, damaged)
	write(t, recordFile(dir, damaged.ID), "damaged")
	write(t, filepath.Join(dir, "owners", ownerKey("ada")[:2], "notes"), "not a mark")

	for range 2 {
		if got := ids(t, s, "ada"); !slices.Equal(got, []session.ID{mine.ID}) {
			t.Errorf("listing ada yields %v, want %v alone", got, mine.ID)
		}
	}
	if got := ids(t, s, "bob"); !slices.Equal(got, []session.ID{theirs.ID}) {
		t.Errorf("listing bob yields %v, want %v alone", got, theirs.ID)
	}
	if got, want := marks(t, dir), 4; got != want {
		t.Errorf("%d files in owners, want %d: two marks of records, one of a corrupt record, and the notes", got, want)
	}
}

// TestListOwnerReadsHeads damages the data of a record of another owner that has a stale
// mark. A listing that read more than its head would return an error.
func TestListOwnerReadsHeads(t *testing.T) {
	s, dir := open(t)
	theirs := numbered(2, "bob")
	create(t, s, theirs)
	if err := s.mark("ada", theirs.ID); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(recordFile(dir, theirs.ID))
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	write(t, recordFile(dir, theirs.ID), string(content))
	wanted := func(h *head) bool { return h.owner == "ada" }
	if _, err := s.load(theirs.ID, wanted); err != session.ErrNotFound {
		t.Errorf("load = %v, want ErrNotFound from the head alone", err)
	}
	if got := ids(t, s, "ada"); got != nil {
		t.Errorf("listing ada yields %v", got)
	}
	if got := marks(t, dir); got != 1 {
		t.Errorf("%d marks are left, want bob's alone", got)
	}
}
