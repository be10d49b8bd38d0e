package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// folders is how many folders the records are spread over, by the first byte of
// their ID. Each has its lock.
const folders = 256

// Open opens the store in a folder, and makes what is missing of it. A folder
// that others than its owner can enter is refused rather than closed to them,
// because somebody may have meant it. Any number of processes may open one
// folder.
func Open(dir string, cfg Config) (*Store, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("session: cannot open the session folder: %w", err)
	}
	defer root.Close()

	s := &Store{}
	if cfg.DangerouslyNoSync {
		s.full, s.whole = atomicfile.Volatile, atomicfile.Volatile
	} else {
		s.full, s.whole = atomicfile.Durable, atomicfile.Whole
	}
	// Replicas that are started together, and so prune together, begin in different
	// folders.
	s.cursor.Store(rand.Uint32())
	for i := range s.turns {
		s.turns[i] = make(chan struct{}, 1)
	}
	if err := s.build(root); err != nil {
		s.Close()
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; make it belong to user %d, under whom this program runs", err, os.Geteuid())
		}
		return nil, fmt.Errorf("session: cannot write to the session folder %s: %w", dir, err)
	}
	return s, nil
}

// Close gives the folder up. Nothing is pending; a second Close does nothing.
func (s *Store) Close() error {
	open := []*os.Root{s.records, s.owners, s.locks}
	for i := range s.shelves {
		open = append(open, s.shelves[i].Load())
	}
	var errs []error
	for _, root := range open {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}

// prepare makes the folder, or checks that it is fit to hold sessions.
func prepare(dir string) error {
	if dir == "" {
		return errors.New("session: the file store needs the name of a folder")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := makeAll(filepath.Clean(dir)); err != nil {
			return fmt.Errorf("session: cannot make the session folder: %w; make it yourself, with mode 0700, or choose another one", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("session: cannot use the session folder: %w", err)
	case !info.IsDir():
		return fmt.Errorf("session: %s is not a folder; move it away, or choose another folder for the sessions", dir)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		// Others could put folders of theirs in the place of ours. That they can list
		// this one is harmless: what is inside is closed to them.
		return fmt.Errorf("session: other users can write to the session folder %s (mode %04o); run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// makeAll is [os.MkdirAll] with mode 0700 whatever the umask, and durable.
func makeAll(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeAll(parent); err != nil {
			return err
		}
	}
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return nil // another process, just now
	case err != nil:
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if f, err := os.Open(parent); err == nil { // one that only allows passage cannot be synced
		defer f.Close()
		return f.Sync()
	}
	return nil
}

// writable is the file in locks by which that is proven.
const writable = "writable"

// build makes the tree under the folder, and proves that it can be locked and
// written to.
func (s *Store) build(root *os.Root) error {
	if !canLock {
		return fmt.Errorf("this system has no flock to keep processes apart; use the memory or the database store: %w", errors.ErrUnsupported)
	}
	for name, part := range map[string]**os.Root{"records": &s.records, "owners": &s.owners, "locks": &s.locks} {
		err := atomicfile.MakeFolder(root, name)
		if err != nil {
			return err
		}
		if *part, err = root.OpenRoot(name); err != nil {
			return err
		}
	}
	if err := atomicfile.SyncFolder(root, "."); err != nil {
		return err
	}
	return atomicfile.Write(s.locks, writable, nil, atomicfile.Volatile)
}

// inFolder calls write, which makes a file in a folder of records or owners, and
// makes the folder if it is missing: few of them, or none, are there before the
// store fills, and it does no harm to tidy empty ones away.
//
// Another process may write into the new folder before it is synced into its
// parent here. Journalling file systems store a folder and its name together, so
// that this other process's own fsync includes the name.
func inFolder(root *os.Root, folder string, write func() error) error {
	err := write()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolder(root, folder); err != nil {
		return err
	}
	return write()
}

func makeFolder(root *os.Root, name string) error {
	if err := atomicfile.MakeFolder(root, name); err != nil {
		return err
	}
	return atomicfile.SyncFolder(root, ".")
}

const digits = "0123456789abcdef"

func folderName(b byte) string { return string([]byte{digits[b>>4], digits[b&15]}) }

// path is the path of a record under records; its base name is the ID.
func path(id session.ID) string { return folderName(id[0]) + "/" + id.String() }

// recordID reads the base name of a record. It takes nothing but what path
// writes, so that each ID has one name.
func recordID(base string) (session.ID, bool) {
	id, err := session.ParseID(base)
	return id, err == nil && id.String() == base
}
