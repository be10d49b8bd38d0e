// Package filestore keeps sessions in files: one file a session, in a folder that
// several processes of one machine may share.
//
// Use it where there is one machine and no database: a small service, a tool, a
// development server that should remember its users over a restart. With more
// than some hundred thousand sessions, or more than one machine, a database is
// the better choice. The folder may be on a network file system only if that
// carries flock locks to all its clients, as NFS does since version 4.
//
// # The folder
//
//	records/7f/7f3c…   a session; the name is its ID in 32 hexadecimal digits
//	owners/a1/a1b2….7f3c…   an empty file: the owner with this hash may have this session
//	locks/7f           locked while somebody writes into records/7f
//
// The names are made of IDs and hashes, never of what a client sent. Folders have
// mode 0700 and files 0600, whatever the umask. All access goes through [os.Root],
// so that no link in the folder leads out of it; a link in the place of a record
// is not followed at all.
//
// The fan-out is one level of 256 folders, made as they are needed: a million
// sessions are then 4,000 files a folder, which file systems with indexed
// directories (those in use for twenty years) do not notice. A second level would
// cost a path step at each access, up to 65,536 folders that a sweep visits, and
// another fsync for most of the sessions that are created before they all exist.
//
// Back up and copy the folder as a whole: a record without its mark in owners is
// found by its ID, but not by its owner.
//
// # Durability and concurrency
//
// A write goes to a temporary file, which is fsynced and renamed over the record,
// and the folder is fsynced; see [Config] for a cheaper way. Readers take no lock
// and see the old record or the new one. Writers take one of 256 locks, in the
// process and then between processes (flock), and compare versions under it. The
// kernel gives up the locks of a process that dies, so that no killed process
// blocks another. A store keeps up to 256 folders open. There are no goroutines.
//
// A file that is not a whole record (cut, altered, another session's, a link)
// gives an error that matches [session.ErrCorrupt]: a checksum covers every byte.
// Delete removes it. A full disk gives [session.ErrFull].
package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// A Config says how a [Store] writes. The zero value is durable.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// DangerouslyNoSync leaves it to the kernel when writes reach the disk, which
	// makes them several times faster. If the process dies, nothing is lost. If
	// the machine does, the last half minute of changes may be: sessions may be
	// gone or corrupt (their visitors get new ones), or back as they were before,
	// which includes those that had been logged out or revoked, and ListOwner may
	// miss some.
	DangerouslyNoSync bool
}

// A Store is a [session.Store] in a folder. It is also a [session.Toucher],
// [session.Pruner], [session.Lister] and [session.OwnerLister]. Its methods may
// be called by many goroutines, and many processes may have the folder open.
type Store struct {
	records, owners, locks *os.Root

	shelves [folders]atomic.Pointer[os.Root] // the open folders of records; see shelf

	turns  [folders]chan struct{} // held by the goroutine that may ask for the lock
	cursor atomic.Uint32          // the folder at which Prune goes on

	full, whole atomicfile.Durability
}

var (
	_ session.Store       = (*Store)(nil)
	_ session.Toucher     = (*Store)(nil)
	_ session.Pruner      = (*Store)(nil)
	_ session.Lister      = (*Store)(nil)
	_ session.OwnerLister = (*Store)(nil)
)

// Load returns a record. It waits for no writer.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, err
	}
	r, err := s.load(id, anybody)
	return r, fault(err)
}

// Create stores a new record. A file in its place is a conflict, whatever it is.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	content, err := encode(&r, 1)
	if err != nil {
		return err
	}
	return s.locked(ctx, r.ID, func() error {
		switch _, err := s.records.Lstat(path(r.ID)); {
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

// Update replaces a record. It reads only the head of the old one.
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
		// The new owner's mark comes before the record, the old one's goes after it:
		// a mark without its record is harmless, the contrary would hide a session.
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

// Delete removes a record, or whatever is in its place.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	return s.locked(ctx, id, func() error { return s.remove(id, s.full) })
}

// Touch prolongs a record. The file is replaced as a whole, like in Update; but
// a power loss may undo the touch.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	return s.locked(ctx, id, func() error {
		r, err := s.load(id, anybody)
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

// write replaces the file of a record. The caller has the lock.
func (s *Store) write(id session.ID, content []byte, d atomicfile.Durability) error {
	return inFolder(s.records, folderName(id[0]), func() error {
		return s.onShelf(id, func(shelf *os.Root) error {
			return atomicfile.Write(shelf, id.String(), content, d)
		})
	})
}

// remove deletes the file of a record, and then its mark. The caller has the
// lock.
func (s *Store) remove(id session.ID, d atomicfile.Durability) error {
	old, corrupt := s.head(id) // a corrupt one leaves its mark, which then misleads nobody
	err := atomicfile.Remove(s.records, path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && d == atomicfile.Durable {
		err = atomicfile.SyncFolder(s.records, folderName(id[0]))
	}
	if err == nil && corrupt == nil {
		s.unmark(old.owner, id)
	}
	return err
}

// fault gives an error of the operating system its place in the contract.
func fault(err error) error {
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
