package filestore

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/expanse-go/session"
)

// List yields all records but those that do not decode, which nobody can use. It
// costs about as much as loading each.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.list(ctx, anybody)
}

// list yields the records whose heads are wanted, and reads the data of no other.
func (s *Store) list(ctx context.Context, wanted func(*head) bool) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for folder := range folders {
			ids, err := s.inventory(ctx, byte(folder))
			if err != nil {
				yield(session.Record{}, fault(err))
				return
			}
			for _, id := range ids {
				r, err := s.loadOne(ctx, id, wanted)
				if absent(err) {
					continue
				}
				if !yield(r, fault(err)) || err != nil {
					return
				}
			}
		}
	}
}

// inventory reads the names in a folder under its lock. A rename may make a name
// appear twice or not at all to somebody who reads the folder meanwhile: POSIX
// leaves that open, and file systems differ. The lock is held for a millisecond
// with some thousand names.
func (s *Store) inventory(ctx context.Context, folder byte) ([]session.ID, error) {
	release, err := s.lock(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer release()
	all, err := names(s.records, folderName(folder))
	ids := make([]session.ID, 0, len(all))
	for _, name := range all {
		if id, ok := recordID(name); ok && id[0] == folder {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// loadOne is load in a loop that a context may end.
func (s *Store) loadOne(ctx context.Context, id session.ID, wanted func(*head) bool) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, err
	}
	return s.load(id, wanted)
}

// absent reports that there is no record for a listing to yield.
func absent(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrCorrupt)
}

// names returns the sorted names in a folder; a folder that was tidied away is
// empty.
func names(root *os.Root, folder string) ([]string, error) {
	f, err := root.Open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Readdirnames(-1)
	slices.Sort(all)
	return all, err
}
