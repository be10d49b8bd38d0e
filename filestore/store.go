// Package filestore keeps sessions in files: one file for each session, in a folder that
// several processes on one machine may share.
//
// Use it if there is one machine and no database: for a small service, a tool, or a
// development server whose users should stay signed in after a restart. With more than a
// few hundred thousand sessions, or more than one machine, use a database. The folder may
// be on a network file system only if it supports flock locks across all its clients, as
// NFS does since version 4.
//
// # The folder
//
//	records/7f/7f3c…   a session; the name is its ID in 32 hexadecimal digits
//	owners/a1/a1b2….7f3c…   an empty file, called a mark: the owner with this hash may have this session
//	locks/7f           locked while a process writes into records/7f
//
// The names consist of IDs and hashes, never of data from a client. Folders have mode 0700
// and files have mode 0600, regardless of the umask. All access goes through [os.Root], so
// no symbolic link in the folder leads out of it. A link in the place of a record is not
// followed at all.
//
// There is one level of 256 folders, which are created when they are needed. A million
// sessions are 4,000 files in each folder, which file systems with indexed directories
// (those of the last twenty years) handle well. A second level would cost a path lookup at
// each access, up to 65,536 folders to visit in Prune, and another fsync for most new
// sessions until all folders exist.
//
// Back up and copy the folder as a whole. A record without its mark in owners is found by
// its ID, but not by its owner.
//
// # Durability and concurrency
//
// A write creates a temporary file, fsyncs it, renames it over the record, and fsyncs the
// folder; see [Config] for a cheaper way. Readers take no lock, and see either the old
// record or the new one. Writers take one of 256 locks, first within the process and then
// between processes (flock), and compare versions while they hold it. The kernel releases
// the locks of a process that dies, so a killed process never blocks another one. A store
// keeps up to 256 folders open. It runs no goroutines.
//
// If somebody deletes the folder while a program runs, all sessions are gone, and the next
// write creates the folder again. Programs of other users must not write into it, because
// the files that they create would lock out its owner; to read it, they can use
// [OpenReadOnly].
//
// If a file is not an intact record (truncated, altered, a record of another session, a
// link), the error matches [session.ErrCorrupt]; checksums cover every byte. Delete removes
// such a file. If the disk is full, the error matches [session.ErrFull].
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// A Config determines how a [Store] writes. The zero value makes writes durable.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// DangerouslyNoSync lets the kernel decide when writes reach the disk, which makes
	// them several times faster. If the process dies, nothing is lost. If the machine
	// crashes or loses power, the changes of the last half minute may be lost. Sessions may
	// be gone or corrupt (their visitors get new ones), or be in an earlier state, which
	// may bring back sessions that had been logged out or revoked. ListOwner may miss some.
	DangerouslyNoSync bool
}

// A Store is a [session.Store] in a folder. It also implements [session.Toucher],
// [session.Pruner], [session.Lister], [session.OwnerLister], [session.OwnerDeleter],
// [session.Importer] and [session.Stater]. Its methods are safe for concurrent use, and
// several processes may open the same folder.
type Store struct {
	dir      string // absolute
	readOnly bool

	// The parts of the session folder. They change if somebody deletes it; see reopen. In a
	// read-only store, a part that does not exist is nil.
	records, owners, locks atomic.Pointer[os.Root]
	reopening              sync.Mutex

	open [folders]atomic.Pointer[os.Root] // the open folders of records; see withFolder

	sems   [folders]chan struct{} // held by the goroutine that may lock the file
	cursor atomic.Uint32          // the folder at which Prune continues

	full, whole atomicfile.Durability // for all writes, and for touches
}

var (
	_ session.Store        = (*Store)(nil)
	_ session.Toucher      = (*Store)(nil)
	_ session.Pruner       = (*Store)(nil)
	_ session.Lister       = (*Store)(nil)
	_ session.OwnerLister  = (*Store)(nil)
	_ session.OwnerDeleter = (*Store)(nil)
	_ session.Importer     = (*Store)(nil)
	_ session.Stater       = (*Store)(nil)
)

// Load returns a record. It does not wait for writers.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, err
	}
	r, err := s.load(id, anyOwner)
	return r, wrapError(err)
}

// Create stores a new record. Any file in its place is a conflict, even if it is not a
// record.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	return s.add(ctx, r, 1)
}

// Import implements [session.Importer].
func (s *Store) Import(ctx context.Context, r session.Record) error {
	return s.add(ctx, r, r.Version)
}

func (s *Store) add(ctx context.Context, r session.Record, version uint64) error {
	content, err := encode(&r, version)
	if err != nil {
		return err
	}
	return s.locked(ctx, r.ID, func() error {
		switch _, err := s.records.Load().Lstat(path(r.ID)); {
		case err == nil:
			return session.ErrConflict
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := s.mark(r.Owner, r.ID); err != nil {
			return err
		}
		return s.write(r.ID, content, s.full)
	})
}

// Update replaces a record. It reads only the head of the old record.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	content, err := encode(&r, r.Version+1)
	if err != nil {
		return err
	}
	return s.locked(ctx, r.ID, func() error {
		old, err := s.head(r.ID)
		if err != nil {
			return err
		}
		if old.version != r.Version {
			return session.ErrConflict
		}
		if old.owner == r.Owner {
			return s.write(r.ID, content, s.full)
		}
		// Create the mark of the new owner before the record, and remove the mark of the
		// old owner after it. A mark without a record is harmless, but a record without a
		// mark would be missing from ListOwner.
		if err := s.mark(r.Owner, r.ID); err != nil {
			return err
		}
		if err := s.write(r.ID, content, s.full); err != nil {
			return err
		}
		s.unmark(old.owner, r.ID)
		return nil
	})
}

// Delete removes a record, or any other file in its place.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.locked(ctx, id, func() error { return s.remove(id, s.full) })
}

// Touch implements [session.Toucher]. It replaces the whole file, as Update does, but a
// power loss may undo it.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	return s.locked(ctx, id, func() error {
		r, err := s.load(id, anyOwner)
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		later, longer := lastActivity.After(r.LastActivity), expires.After(r.ExpiresAt)
		if !later && !longer {
			return nil
		}
		if later {
			r.LastActivity = lastActivity
		}
		if longer {
			r.ExpiresAt = expires
		}
		content, err := encode(&r, r.Version)
		if err != nil {
			return err
		}
		return s.write(id, content, s.whole)
	})
}

// write replaces the file of a record. The caller must hold the lock.
func (s *Store) write(id session.ID, content []byte, d atomicfile.Durability) error {
	return inFolder(s.records.Load(), folderName(id[0]), func() error {
		return s.withFolder(id, func(folder *os.Root) error {
			return atomicfile.Write(folder, id.String(), content, d)
		})
	})
}

// remove deletes the file of a record, and then its mark. The caller must hold the lock.
func (s *Store) remove(id session.ID, d atomicfile.Durability) error {
	old, corrupt := s.head(id) // if it is corrupt, its mark stays, which is harmless
	err := atomicfile.Remove(s.records.Load(), path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && d == atomicfile.Durable {
		err = atomicfile.SyncFolder(s.records.Load(), folderName(id[0]))
	}
	if err == nil && corrupt == nil {
		s.unmark(old.owner, id)
	}
	return err
}

// wrapError maps errors of the operating system to those of the contract.
func wrapError(err error) error {
	var system *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", session.ErrFull, err)
	case errors.As(err, &system), errors.As(err, new(*os.LinkError)):
		return fmt.Errorf("session: file store: %w", err)
	}
	return err
}
