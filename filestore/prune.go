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

// hopeless is how long an undecodable file stays for somebody to look at: the
// longest that a session can live, as nobody can read how long this one would
// have. Until then its visitor is reported, instead of being silently unknown.
const hopeless = 400 * 24 * time.Hour

// Prune removes expired records. It goes on in the folder where the call before
// ended at its limit, and ends after one round at the latest. It reads the head of
// each record (a few microseconds) without a lock, and takes the lock of a record
// only to remove it. A round also removes what writers left that died, which does not
// count: temporary files, once they are older than [session.PruneSlack], and the marks
// of owners without a record, for which it looks for the record of each mark.
//
// A file that cannot be read or removed does not keep Prune from the others; the
// first such error is returned at the end.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
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
	return round.removed, fault(round.first)
}

// A sweep is one call of Prune.
type sweep struct {
	store   *Store
	before  time.Time
	now     time.Time // the file system's clock, for files without a date of their own
	limit   int
	removed int
	first   error
}

// folder sweeps one folder of records and the one of owners with its name, and the
// locks with the first of them. It returns the context's error alone.
func (w *sweep) folder(ctx context.Context, folder byte) error {
	if folder == 0 {
		w.locks()
	}
	if err := w.marks(ctx, folder); err != nil {
		return err
	}
	all, err := names(w.store.records, folderName(folder))
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

// record removes a record that is over. It looks again under the lock: a touch
// may have been faster.
func (w *sweep) record(ctx context.Context, id session.ID) {
	if !w.over(id) {
		return
	}
	err := w.store.locked(ctx, id, func() error {
		if !w.over(id) {
			return nil
		}
		// An expired session that a power loss brings back is still expired.
		err := w.store.remove(id, atomicfile.Volatile)
		if err == nil {
			w.removed++
		}
		return err
	})
	w.note(err)
}

func (w *sweep) over(id session.ID) bool {
	h, err := w.store.head(id)
	if errors.Is(err, session.ErrCorrupt) {
		return w.older(w.store.records, path(id), hopeless)
	}
	if !errors.Is(err, session.ErrNotFound) {
		w.note(err)
	}
	return err == nil && h.expires.Before(w.before)
}

// temp removes the temporary file of a writer that died.
func (w *sweep) temp(folder byte, name, target string) {
	if _, ok := recordID(target); ok { // else it is not ours
		w.litter(w.store.records, folderName(folder)+"/"+name)
	}
}

// locks removes the temporary files of programs that died while they opened the store.
func (w *sweep) locks() {
	all, err := names(w.store.locks, ".")
	w.note(err)
	for _, name := range all {
		if target, ok := atomicfile.Target(name); ok && target == writable {
			w.litter(w.store.locks, name)
		}
	}
}

func (w *sweep) litter(root *os.Root, name string) {
	if w.older(root, name, session.PruneSlack) {
		w.note(atomicfile.Remove(root, name))
	}
}

// marks removes the marks in a folder of owners that have no record. A look at the name
// is enough, and the lock is taken for those only that seem to have none: a writer
// makes the mark first, and then the record.
func (w *sweep) marks(ctx context.Context, folder byte) error {
	all, err := names(w.store.owners, folderName(folder))
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
			return atomicfile.Remove(w.store.owners, folderName(folder)+"/"+name)
		}))
	}
	return nil
}

// recorded is false if there is no record of the ID.
func (w *sweep) recorded(id session.ID) bool {
	err := w.store.onShelf(id, func(shelf *os.Root) error {
		_, err := shelf.Lstat(id.String())
		return err
	})
	w.note(err)
	return !errors.Is(err, fs.ErrNotExist)
}

// older reports whether a file was last written longer ago than that.
func (w *sweep) older(root *os.Root, name string, than time.Duration) bool {
	info, err := root.Lstat(name)
	w.note(err)
	return err == nil && w.now.Sub(info.ModTime()) > than
}

// note keeps the first error. That another process was faster is none.
func (w *sweep) note(err error) {
	if w.first == nil && err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.first = err
	}
}
