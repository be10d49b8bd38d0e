package filestore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// corruptRetention is how long a corrupt file is kept for inspection. It is the longest
// lifetime of a session, because the expiry of this one is unreadable. Until then,
// requests with that session cause an error instead of silently starting a new one.
const corruptRetention = 400 * 24 * time.Hour

// Prune implements [session.Pruner]. It continues in the folder where the previous call
// reached its limit, and visits each folder at most once. It reads the head of each record
// without a lock, which takes a few microseconds, and takes a lock only to remove a
// record. It also removes files that writers left when they died: temporary files that are
// older than [session.PruneSlack], and marks without a record, for which it checks every
// mark. These do not count toward the limit or the result.
//
// If a file cannot be read or removed, Prune continues with the others, and returns the
// first such error at the end.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if s.readOnly {
		return 0, errReadOnly
	}
	if limit < 1 {
		return 0, nil
	}
	round := sweep{store: s, before: before, now: time.Now(), limit: limit}
	start := s.cursor.Load()
	for i := range uint32(folders) {
		folder := byte(start + i)
		if err := round.folder(ctx, folder); err != nil {
			s.cursor.Store(uint32(folder))
			return round.removed, err
		}
		if round.removed >= limit {
			s.cursor.Store(uint32(folder))
			break
		}
	}
	return round.removed, wrapError(round.first)
}

// A sweep is one call of Prune.
type sweep struct {
	store   *Store
	before  time.Time
	now     time.Time // the real time, to compare with modification times of files
	limit   int
	removed int
	first   error
}

// folder prunes one folder of records and the folder of owners with the same name. With
// the first folder it also prunes locks. It returns only errors of the context.
func (w *sweep) folder(ctx context.Context, folder byte) error {
	if folder == 0 {
		w.locks()
	}
	if err := w.marks(ctx, folder); err != nil {
		return err
	}
	all, err := names(w.store.records.Load(), folderName(folder))
	w.note(err)
	for _, name := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.removed >= w.limit {
			return nil
		}
		if id, ok := recordID(name); ok {
			w.record(ctx, id)
		} else if target, ok := atomicfile.Target(name); ok {
			w.temp(folder, name, target)
		}
	}
	return nil
}

// record removes a record that is expired. It checks again with the lock, because a touch
// may have changed the record.
func (w *sweep) record(ctx context.Context, id session.ID) {
	if !w.prunable(id) {
		return
	}
	err := w.store.locked(ctx, id, func() error {
		if !w.prunable(id) {
			return nil
		}
		// No sync: if a power loss brings the record back, it is still expired.
		err := w.store.remove(id, atomicfile.Volatile)
		if err == nil {
			w.removed++
		}
		return err
	})
	w.note(err)
}

// prunable reports whether a record is expired, or has been corrupt for a long time.
func (w *sweep) prunable(id session.ID) bool {
	h, err := w.store.head(id)
	if errors.Is(err, session.ErrCorrupt) {
		return w.older(w.store.records.Load(), path(id), corruptRetention)
	}
	if !errors.Is(err, session.ErrNotFound) {
		w.note(err)
	}
	return err == nil && h.expires.Before(w.before)
}

// temp removes the temporary file of a writer that died.
func (w *sweep) temp(folder byte, name, target string) {
	if _, ok := recordID(target); ok { // otherwise it is not a file of the store
		w.removeTemp(w.store.records.Load(), folderName(folder)+"/"+name)
	}
}

// locks removes the temporary files of processes that died while they opened the store.
func (w *sweep) locks() {
	all, err := names(w.store.locks.Load(), ".")
	w.note(err)
	for _, name := range all {
		if target, ok := atomicfile.Target(name); ok && target == writable {
			w.removeTemp(w.store.locks.Load(), name)
		}
	}
}

// removeTemp removes a temporary file if it is old.
func (w *sweep) removeTemp(root *os.Root, name string) {
	if w.older(root, name, session.PruneSlack) {
		w.note(atomicfile.Remove(root, name))
	}
}

// marks removes the marks without a record in a folder of owners. A record that exists
// needs no lock. If there seems to be none, marks takes the lock and checks again, because
// a writer creates the mark before the record.
func (w *sweep) marks(ctx context.Context, folder byte) error {
	all, err := names(w.store.owners.Load(), folderName(folder))
	w.note(err)
	for _, name := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, ok := markedID(name)
		if !ok || w.recorded(id) {
			continue
		}
		w.note(w.store.locked(ctx, id, func() error {
			if w.recorded(id) {
				return nil
			}
			return atomicfile.Remove(w.store.owners.Load(), folderName(folder)+"/"+name)
		}))
	}
	return nil
}

// recorded reports whether there may be a record with the ID.
func (w *sweep) recorded(id session.ID) bool {
	err := w.store.withFolder(id, func(folder *os.Root) error {
		_, err := folder.Lstat(id.String())
		return err
	})
	w.note(err)
	return !errors.Is(err, fs.ErrNotExist)
}

// older reports whether a file was last modified longer ago than the given duration.
func (w *sweep) older(root *os.Root, name string, than time.Duration) bool {
	info, err := root.Lstat(name)
	w.note(err)
	return err == nil && w.now.Sub(info.ModTime()) > than
}

// note keeps the first error. A missing file is not an error, because another process may
// have removed it.
func (w *sweep) note(err error) {
	if w.first == nil && err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.first = err
	}
}
