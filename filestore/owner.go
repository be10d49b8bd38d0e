package filestore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// The index of owners is a set of marks: empty files whose names consist of the hash of
// the owner and the ID of a record. A mark is written to the disk before the record of
// that owner, and removed after it, both with the lock of the record. So a crash may leave
// a mark without a record, but never a record without a mark. The record itself contains
// its owner, so a superfluous mark costs only one lookup, after which it is removed. An
// update that does not change the owner leaves the mark alone. Prune removes marks
// without a record.

// ownerKey returns the hash of an owner in 32 hexadecimal digits, so that every owner has
// a safe file name of the same length.
func ownerKey(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:16])
}

// markName returns the path of a mark in owners.
func markName(key string, id session.ID) string { return key[:2] + "/" + key + "." + id.String() }

// markedID parses the base name of a mark. It accepts only names that markName returns.
func markedID(base string) (session.ID, bool) {
	key, rest, ok := strings.Cut(base, ".")
	id, valid := recordID(rest)
	return id, ok && valid && len(key) == 32
}

// mark creates the mark of a record that is about to get this owner.
func (s *Store) mark(owner string, id session.ID) error {
	if owner == "" {
		return nil
	}
	key := ownerKey(owner)
	err := inFolder(s.owners.Load(), key[:2], func() error { return atomicfile.Create(s.owners.Load(), markName(key, id)) })
	if err == nil && s.full == atomicfile.Durable {
		err = atomicfile.SyncFolder(s.owners.Load(), key[:2])
	}
	return err
}

// unmark removes a mark whose record was deleted or has another owner. If that fails, the
// next listing of the owner removes the mark.
func (s *Store) unmark(owner string, id session.ID) {
	if owner != "" {
		_ = atomicfile.Remove(s.owners.Load(), markName(ownerKey(owner), id))
	}
}

// ListOwner implements [session.OwnerLister]. It reads the names in one folder of the
// index (a 256th of all records that have an owner), and the records of the owner. To
// list the anonymous records, whose owner is "", it reads the heads of all records. It
// skips corrupt records.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	if owner == "" {
		return s.list(ctx, func(h *head) bool { return h.owner == "" })
	}
	return func(yield func(session.Record, error) bool) {
		key := ownerKey(owner)
		marks, err := names(s.owners.Load(), key[:2])
		if len(marks) == 0 && s.recreated("owners") {
			if _, err = s.reopen(); err == nil {
				marks, err = names(s.owners.Load(), key[:2])
			}
		}
		if err != nil {
			yield(session.Record{}, wrapError(err))
			return
		}
		for _, name := range marks {
			rest, ok := strings.CutPrefix(name, key+".")
			id, valid := recordID(rest)
			if !ok || !valid {
				continue
			}
			r, err := s.loadOne(ctx, id, func(h *head) bool { return h.owner == owner })
			switch {
			case absent(err):
				s.removeStaleMark(ctx, owner, id)
			case !yield(r, wrapError(err)) || err != nil:
				return
			}
		}
	}
}

// DeleteOwned implements [session.OwnerDeleter]. It locks and fsyncs each folder of records
// once.
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	ids = slices.SortedFunc(slices.Values(ids), func(a, b session.ID) int { return cmp.Compare(a[0], b[0]) })
	total := 0
	for len(ids) > 0 {
		n := 1
		for n < len(ids) && ids[n][0] == ids[0][0] {
			n++
		}
		err := s.locked(ctx, ids[0], func() error {
			removed, err := s.removeOwned(owner, ids[:n])
			total += removed
			return err
		})
		if err != nil {
			return total, err
		}
		ids = ids[n:]
	}
	return total, nil
}

// removeOwned deletes the files of those records of a folder that have the owner, and then
// their marks. The caller must hold the lock.
func (s *Store) removeOwned(owner string, ids []session.ID) (int, error) {
	var removed []session.ID
	var failed error
	for _, id := range ids {
		h, err := s.head(id)
		if err == nil && h.owner == owner {
			if err = atomicfile.Remove(s.records.Load(), path(id)); err == nil {
				removed = append(removed, id)
			}
		}
		if err != nil && !absent(err) && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	}
	if len(removed) > 0 && s.full == atomicfile.Durable {
		if err := atomicfile.SyncFolder(s.records.Load(), folderName(removed[0][0])); err != nil {
			return 0, err
		}
	}
	for _, id := range removed {
		s.unmark(owner, id)
	}
	return len(removed), failed
}

// removeStaleMark removes a mark that has no record, unless a writer has created the
// record in the meantime.
func (s *Store) removeStaleMark(ctx context.Context, owner string, id session.ID) {
	if s.readOnly {
		return
	}
	release, err := s.lock(ctx, id[0])
	if err != nil {
		return
	}
	defer release()
	if h, err := s.head(id); errors.Is(err, session.ErrNotFound) || err == nil && h.owner != owner {
		s.unmark(owner, id)
	}
}
