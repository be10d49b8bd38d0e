package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// folders is the number of folders for the records, by the first byte of their ID. Each
// has a lock of its own.
const folders = 256

// Open opens the store in a folder, and creates the folder if it does not exist. If another
// user can write to the folder or to a folder in it, or created one of them, Open returns an
// error, because that user could sign in as anybody with a forged record. Open does not change
// the mode or the owner, because they may be intended. The folder itself may belong to root
// instead of the user of this process. Any number of processes may open the same folder.
func Open(dir string, cfg Config) (*Store, error) {
	s, err := newStore(dir)
	if err != nil {
		return nil, err
	}
	if cfg.DangerouslyNoSync {
		s.full, s.whole = atomicfile.Volatile, atomicfile.Volatile
	} else {
		s.full, s.whole = atomicfile.Durable, atomicfile.Whole
	}
	if err := s.create(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func newStore(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("session: the file store needs the name of a folder")
	}
	if !canLock {
		return nil, fmt.Errorf("session: this operating system has no flock, which processes need to share the files; use the memory or the database store: %w", errors.ErrUnsupported)
	}
	dir, err := filepath.Abs(dir) // the current folder of the process may change
	if err != nil {
		return nil, fmt.Errorf("session: cannot use the session folder: %w", err)
	}
	s := &Store{dir: dir}
	// Start at a random folder, because processes that start together also prune together.
	s.cursor.Store(rand.Uint32())
	for i := range s.sems {
		s.sems[i] = make(chan struct{}, 1)
	}
	return s, nil
}

// create opens the session folder, and creates what is missing of it.
func (s *Store) create() error {
	if err := prepare(s.dir); err != nil {
		return err
	}
	root, err := s.openFolder()
	if err != nil {
		return err
	}
	defer root.Close()
	return s.build(root)
}

// openFolder opens the session folder, which exists, if no other user can change it.
func (s *Store) openFolder() (*os.Root, error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return nil, fmt.Errorf("session: cannot open the session folder: %w", err)
	}
	if err := s.trust(root, s.dir); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

func (s *Store) cannotWrite(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w; change its owner to user %d, which this program runs as", err, os.Geteuid())
	}
	return fmt.Errorf("session: cannot write to the session folder %s: %w", s.dir, err)
}

// Close closes the folder. No writes are pending at that time. A second Close does
// nothing.
func (s *Store) Close() error {
	open := []*os.Root{s.records.Load(), s.owners.Load(), s.locks.Load()}
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
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := makeAll(dir); err != nil {
			return cannotCreate(err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("session: cannot use the session folder: %w", err)
	}
	return suitable(dir, info)
}

func cannotCreate(err error) error {
	return fmt.Errorf("session: cannot create the session folder: %w; create it yourself, with mode 0700, or choose another one", err)
}

// suitable checks that a folder can be used for sessions.
func suitable(dir string, info fs.FileInfo) error {
	if !info.IsDir() {
		return fmt.Errorf("session: %s is not a folder; move it away, or choose another folder for the sessions", dir)
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

// parts returns the three folders in the session folder by their names.
func (s *Store) parts() map[string]*atomic.Pointer[os.Root] {
	return map[string]*atomic.Pointer[os.Root]{"records": &s.records, "owners": &s.owners, "locks": &s.locks}
}

// reopen creates the session folder again if it was deleted, and reports whether it did. It
// does not close the old folders, because other goroutines may use them; the garbage
// collector does.
func (s *Store) reopen() (bool, error) {
	if s.readOnly {
		return false, nil
	}
	s.reopening.Lock()
	defer s.reopening.Unlock()
	intact := true
	for name, part := range s.parts() {
		intact = intact && s.named(name, part.Load())
	}
	if intact {
		return false, nil
	}
	return true, s.create()
}

// named reports whether root is still the folder with that name in the session folder.
func (s *Store) named(name string, root *os.Root) bool {
	named, err := os.Stat(filepath.Join(s.dir, name))
	if err != nil {
		return false
	}
	open, err := root.Stat(".")
	return err == nil && os.SameFile(open, named)
}

// writable is the name of a file in locks, which Open writes to check that it can.
const writable = "writable"

// build creates the folders in the session folder, and checks that files can be locked and
// written there.
func (s *Store) build(root *os.Root) error {
	for name, part := range s.parts() {
		folder, err := openPart(root, name)
		if err != nil {
			return s.cannotWrite(err)
		}
		if err := s.trust(folder, filepath.Join(s.dir, name)); err != nil {
			folder.Close()
			return err
		}
		part.Store(folder)
	}
	err := atomicfile.SyncFolder(root, ".")
	if err == nil {
		err = atomicfile.Write(s.locks.Load(), writable, nil, atomicfile.Volatile)
	}
	if err != nil {
		return s.cannotWrite(err)
	}
	return nil
}

// openPart opens a folder in the session folder, and creates it if it does not exist.
func openPart(root *os.Root, name string) (*os.Root, error) {
	if err := atomicfile.MakeFolder(root, name); err != nil {
		return nil, err
	}
	return root.OpenRoot(name)
}

// inFolder calls write, which creates a file in a folder of records or owners. If the
// folder does not exist, inFolder creates it and calls write again. A new store has few
// of these folders or none, and empty ones may be deleted at any time.
//
// Another process may write into the new folder before inFolder syncs the parent.
// Journaling file systems store a folder and its name together, so the fsync of the
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
