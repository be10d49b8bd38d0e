package filestore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// The index of owners is a set of marks: empty files named by the hash of the
// owner and the ID of a record. A mark is on the disk before a record of that
// owner is, and goes after the record, both under the record's lock. So there may
// be a mark too many after a crash, never one too few; and as the record itself
// says whose it is, a mark too many is only a look in vain, and is then removed.
// Records that change without changing hands leave their marks alone. Prune takes marks
// without a record.

// ownerKey is the hash of an owner in 32 hexadecimal digits: any text becomes a
// safe name of one length.
func ownerKey(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:16])
}

// markName is the path of a mark under owners.
func markName(key string, id session.ID) string { return key[:2] + "/" + key + "." + id.String() }

// markedID reads the base name of a mark. It takes nothing but what markName writes.
func markedID(base string) (session.ID, bool) {
	key, rest, ok := strings.Cut(base, ".")
	id, valid := recordID(rest)
	return id, ok && valid && len(key) == 32
}

// mark notes that the record of the ID is about to belong to owner.
func (s *Store) mark(owner string, id session.ID) error {
	if owner == "" {
		return nil
	}
	key := ownerKey(owner)
	err := inFolder(s.owners, key[:2], func() error { return atomicfile.Create(s.owners, markName(key, id)) })
	if err == nil && s.full == atomicfile.Durable {
		err = atomicfile.SyncFolder(s.owners, key[:2])
	}
	return err
}

// unmark removes a mark whose record has gone or changed hands. That may fail:
// then the next listing of the owner does it.
func (s *Store) unmark(owner string, id session.ID) {
	if owner != "" {
		_ = atomicfile.Remove(s.owners, markName(ownerKey(owner), id))
	}
}

// ListOwner yields the records of one owner: it reads the names of one folder of
// the index (a 256th of all that belong to somebody) and those records alone. The
// anonymous records, whose owner is "", are found among all of them by their
// heads. A corrupt record belongs to nobody and is left out.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	if owner == "" {
		return s.list(ctx, func(h *head) bool { return h.owner == "" })
	}
	return func(yield func(session.Record, error) bool) {
		key := ownerKey(owner)
		names, err := names(s.owners, key[:2])
		if err != nil {
			yield(session.Record{}, fault(err))
			return
		}
		for _, name := range names {
			rest, ok := strings.CutPrefix(name, key+".")
			id, valid := recordID(rest)
			if !ok || !valid {
				continue
			}
			r, err := s.loadOne(ctx, id, func(h *head) bool { return h.owner == owner })
			switch {
			case absent(err):
				s.tidy(ctx, owner, id)
			case !yield(r, fault(err)) || err != nil:
				return
			}
		}
	}
}

// tidy removes a mark that led to nothing, unless a writer has come to need it.
func (s *Store) tidy(ctx context.Context, owner string, id session.ID) {
	release, err := s.lock(ctx, id[0])
	if err != nil {
		return
	}
	defer release()
	if h, err := s.head(id); errors.Is(err, session.ErrNotFound) || err == nil && h.owner != owner {
		s.unmark(owner, id)
	}
}
