package filestore

import (
	"context"
	"errors"
	"io/fs"
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
// only to remove it. A round also removes temporary files that were left by
// writers that died more than [session.PruneSlack] ago, which do not count.
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

// folder sweeps one folder. It returns the context's error alone.
func (w *sweep) folder(ctx context.Context, folder byte) error {
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
		return w.older(path(id), hopeless)
	}
	if !errors.Is(err, session.ErrNotFound) {
		w.note(err)
	}
	return err == nil && h.expires.Before(w.before)
}

// temp removes the temporary file of a writer that died.
func (w *sweep) temp(folder byte, name, target string) {
	if _, ok := recordID(target); !ok {
		return // not ours
	}
	name = folderName(folder) + "/" + name
	if w.older(name, session.PruneSlack) {
		w.note(w.store.records.Remove(name))
	}
}

// older reports whether a file was last written longer ago than that.
func (w *sweep) older(name string, than time.Duration) bool {
	info, err := w.store.records.Lstat(name)
	w.note(err)
	return err == nil && w.now.Sub(info.ModTime()) > than
}

// note keeps the first error. That another process was faster is none.
func (w *sweep) note(err error) {
	if w.first == nil && err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.first = err
	}
}
