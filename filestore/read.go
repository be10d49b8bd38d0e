package filestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

const (
	headHint = 1 << 10 // bytes to read for a head: enough for the records of managers
	dataHint = 1 << 16 // maximum number of bytes to read at once for a whole record
)

// head reads the head of a record.
func (s *Store) head(id session.ID) (head, error) {
	f, err := s.openFile(id)
	if err != nil {
		return head{}, err
	}
	defer f.Close()
	h, _, err := readHead(f, int(min(f.size, headHint)))
	err = check(id, &h, err)
	return h, err
}

// anyOwner makes load return the record of any owner.
func anyOwner(*head) bool { return true }

// load reads a whole record. It returns ErrNotFound if the head is not wanted.
func (s *Store) load(id session.ID, wanted func(*head) bool) (session.Record, error) {
	f, err := s.openFile(id)
	if err != nil {
		return session.Record{}, err
	}
	defer f.Close()
	h, rest, err := readHead(f, int(min(f.size+1, dataHint)))
	if err = check(id, &h, err); err != nil {
		return session.Record{}, err
	}
	if !wanted(&h) {
		return session.Record{}, session.ErrNotFound
	}
	data, err := readData(f, &h, rest)
	if err = check(id, &h, err); err != nil {
		return session.Record{}, err
	}
	return h.record(data), nil
}

// check adds the name of the file to an error, and returns an error if the record has
// another ID: a copy of a record under another name must not give access.
func check(id session.ID, h *head, err error) error {
	if err == nil && h.id != id {
		err = corrupt("it is the record of %v", h.id)
	}
	if errors.Is(err, session.ErrCorrupt) {
		return fmt.Errorf("%w (file records/%s)", err, path(id))
	}
	return err
}

// A file is open for reading. A short read that reaches the size that Lstat returned
// counts as the end of the file, which saves a second read.
type file struct {
	*os.File
	size, read int64
	ended      bool
}

func (f *file) Read(b []byte) (int, error) {
	if f.ended {
		return 0, io.EOF
	}
	n, err := f.File.Read(b)
	f.read += int64(n)
	f.ended = err == nil && n < len(b) && f.read == f.size
	return n, err
}

// openFile opens the file of a record.
func (s *Store) openFile(id session.ID) (*file, error) {
	f := &file{}
	open := func(folder *os.Root) error {
		name := id.String()
		// os.Root does not follow links out of the folder, but follows links within it, and
		// opening a named pipe would block. So check the type of the file first. The file
		// may change between the two calls, but only by users who can write to the folder,
		// and these are trusted.
		info, err := folder.Lstat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return check(id, nil, corrupt("it is not a regular file"))
		}
		f.size = info.Size()
		f.File, err = folder.OpenFile(name, os.O_RDONLY|atomicfile.NoPoll, 0)
		return err
	}
	err := s.withFolder(id, open)
	if errors.Is(err, fs.ErrNotExist) && s.recreated("records") {
		if _, err = s.reopen(); err == nil {
			err = s.withFolder(id, open)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = session.ErrNotFound
	}
	return f, err
}

// recreated reports whether a part of the session folder was deleted and another process has
// created it again.
func (s *Store) recreated(name string) bool {
	part := s.parts()[name].Load()
	_, err := os.Stat(filepath.Join(s.dir, name))
	return !s.readOnly && err == nil && !s.named(name, part)
}

// withFolder calls f with the folder of an ID. The folder stays open after its first use,
// which saves two of the seven system calls of a load. If f does not find a file, and the
// open folder is no longer the one with that name, withFolder opens the new folder and
// calls f again: the folder may have been deleted while it was empty, and created again by
// another process.
func (s *Store) withFolder(id session.ID, f func(folder *os.Root) error) error {
	for {
		folder, err := s.recordFolder(id[0])
		if err != nil {
			return err
		}
		err = f(folder)
		if !errors.Is(err, fs.ErrNotExist) || s.current(id[0], folder) {
			return err
		}
		// Do not close it, because other goroutines may use it. The garbage collector closes it.
		s.open[id[0]].CompareAndSwap(folder, nil)
	}
}

func (s *Store) recordFolder(folder byte) (*os.Root, error) {
	if root := s.open[folder].Load(); root != nil {
		return root, nil
	}
	records := s.records.Load()
	if records == nil {
		return nil, fs.ErrNotExist
	}
	root, err := records.OpenRoot(folderName(folder))
	if err == nil {
		if err = s.trust(root, filepath.Join(s.dir, "records", folderName(folder))); err != nil {
			root.Close()
			return nil, err
		}
	}
	if err == nil && !s.open[folder].CompareAndSwap(nil, root) {
		root.Close()
		return s.recordFolder(folder)
	}
	return root, err
}

// current reports whether root is still the folder of records with that name.
func (s *Store) current(folder byte, root *os.Root) bool {
	open, err := root.Stat(".")
	if err != nil {
		return false
	}
	named, err := s.records.Load().Stat(folderName(folder))
	return err == nil && os.SameFile(open, named)
}
