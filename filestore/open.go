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

// folders is the number of folders for the records, by the first byte of their ID. Each
// has a lock of its own.
const folders = 256

// Open opens the store in a folder, and creates the folder if it does not exist. If other
// users can write to the folder, Open returns an error. It does not change the mode,
// because that mode may be intended. Any number of processes may open the same folder.
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
	// Start at a random folder, because processes that start together also prune together.
	s.cursor.Store(rand.Uint32())
	for i := range s.sems {
		s.sems[i] = make(chan struct{}, 1)
	}
	if err := s.build(root); err != nil {
		s.Close()
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; make user %d, under whom this program runs, its owner", err, os.Geteuid())
		}
		return nil, fmt.Errorf("session: cannot write to the session folder %s: %w", dir, err)
	}
	return s, nil
}

// Close closes the folder. No writes are pending at that time. A second Close does
// nothing.
func (s *Store) Close() error {
	open := []*os.Root{s.records, s.owners, s.locks}
	for i := range s.open {
		open = append(open, s.open[i].Load())
	}
	var errs []error
	for _, root := range open {
		if root != nil {
			errs = append(errs, root.Close())
		}
	}
	return errors.Join(errs...)
}

// prepare creates the folder, or checks that it is suitable for sessions.
func prepare(dir string) error {
	if dir == "" {
		return errors.New("session: the file store needs the name of a folder")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := makeAll(filepath.Clean(dir)); err != nil {
			return fmt.Errorf("session: cannot create the session folder: %w; create it yourself, with mode 0700, or choose another one", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("session: cannot use the session folder: %w", err)
	case !info.IsDir():
		return fmt.Errorf("session: %s is not a folder; move it away, or choose another folder for the sessions", dir)
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		// Other users could replace our folders by theirs. If they can only list the
		// folder, that is harmless, because they cannot read what is in it.
		return fmt.Errorf("session: other users can write to the session folder %s (mode %04o); run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// makeAll is like [os.MkdirAll] with mode 0700, regardless of the umask. It also syncs the
// parent folders.
func makeAll(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeAll(parent); err != nil {
			return err
		}
	}
	switch err := os.Mkdir(dir, 0o700); {
	case errors.Is(err, fs.ErrExist):
		return nil // another process has just created it
	case err != nil:
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if f, err := os.Open(parent); err == nil { // a folder without read permission cannot be synced
		defer f.Close()
		return f.Sync()
	}
	return nil
}

// writable is the name of a file in locks, which Open writes to check that it can.
const writable = "writable"

// build creates the folders in the session folder, and checks that files can be locked and
// written there.
func (s *Store) build(root *os.Root) error {
	if !canLock {
		return fmt.Errorf("this operating system has no flock, which processes need to share the files; use the memory or the database store: %w", errors.ErrUnsupported)
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

// inFolder calls write, which creates a file in a folder of records or owners. If the
// folder does not exist, inFolder creates it and calls write again. A new store has few
// of these folders or none, and empty ones may be deleted at any time.
//
// Another process may write into the new folder before inFolder syncs the parent.
// Journalling file systems store a folder and its name together, so the fsync of the
// other process includes the name.
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

// path returns the path of a record in records. Its base name is the ID.
func path(id session.ID) string { return folderName(id[0]) + "/" + id.String() }

// recordID parses the base name of a record. It accepts only names that path returns, so
// that each ID has exactly one name.
func recordID(base string) (session.ID, bool) {
	id, err := session.ParseID(base)
	return id, err == nil && id.String() == base
}
