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

// List implements [session.Lister]. It skips corrupt records, which nobody can use. It
// costs about as much as loading each record.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.list(ctx, anyOwner)
}

// list yields the records whose heads are wanted. It does not read the data of the others.
func (s *Store) list(ctx context.Context, wanted func(*head) bool) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for folder := range folders {
			ids, err := s.recordIDs(ctx, byte(folder))
			if err != nil {
				yield(session.Record{}, wrapError(err))
				return
			}
			for _, id := range ids {
				r, err := s.loadOne(ctx, id, wanted)
				if absent(err) {
					continue
				}
				if !yield(r, wrapError(err)) || err != nil {
					return
				}
			}
		}
	}
}

// recordIDs returns the IDs of the records in a folder. It needs the lock: if a file is
// renamed while the folder is read, its name may appear twice or not at all. POSIX leaves
// that undefined, and file systems differ. With several thousand names, it holds the lock
// for about a millisecond.
func (s *Store) recordIDs(ctx context.Context, folder byte) ([]session.ID, error) {
	release, err := s.lock(ctx, folder)
	if err != nil {
		return nil, err
	}
	defer release()
	all, err := names(s.records.Load(), folderName(folder))
	ids := make([]session.ID, 0, len(all))
	for _, name := range all {
		if id, ok := recordID(name); ok && id[0] == folder {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// loadOne is like load, but checks the context first.
func (s *Store) loadOne(ctx context.Context, id session.ID, wanted func(*head) bool) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, err
	}
	return s.load(id, wanted)
}

// absent reports whether err means that a listing has no record to yield.
func absent(err error) bool {
	return errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrCorrupt)
}

// names returns the sorted names in a folder. A folder that does not exist, and one in a part
// that does not exist, counts as empty.
func names(root *os.Root, folder string) ([]string, error) {
	if root == nil {
		return nil, nil
	}
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
