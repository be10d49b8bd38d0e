package filestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

const (
	headHint = 1 << 10 // bytes to read for a head: enough for what managers write
	dataHint = 1 << 16 // bytes to read at once for a whole record, at most
)

// head reads a record up to its data.
func (s *Store) head(id session.ID) (head, error) {
	f, err := s.open(id)
	if err != nil {
		return head{}, err
	}
	defer f.Close()
	h, _, err := readHead(f, int(min(f.size, headHint)))
	err = check(id, &h, err)
	return h, err
}

// anybody lets load take the record of any owner.
func anybody(*head) bool { return true }

// load reads a whole record, if its head is wanted; else there is none for the
// caller.
func (s *Store) load(id session.ID, wanted func(*head) bool) (session.Record, error) {
	f, err := s.open(id)
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

// check adds the name of the file to what is wrong with it, and refuses one that
// belongs elsewhere: a copy under another name must not give access.
func check(id session.ID, h *head, err error) error {
	if err == nil && h.id != id {
		err = damage("it is the one of %v", h.id)
	}
	if errors.Is(err, session.ErrCorrupt) {
		return fmt.Errorf("%w (file records/%s)", err, path(id))
	}
	return err
}

// A file is one that is open for reading. A short read that ends where the file
// did when it was looked up is taken for the end, which saves asking twice.
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

// open opens the file of a record.
func (s *Store) open(id session.ID) (*file, error) {
	f := &file{}
	err := s.onShelf(id, func(shelf *os.Root) error {
		name := id.String()
		// os.Root keeps links from leading out of the folder, but follows those within
		// it, and opening a named pipe would wait for its other end. So the kind of file
		// comes first. Between the two calls only a writer of this package can replace
		// it: whoever else may write here needs no tricks.
		info, err := shelf.Lstat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return check(id, nil, damage("it is not a regular file"))
		}
		f.size = info.Size()
		f.File, err = shelf.OpenFile(name, os.O_RDONLY|atomicfile.NoPoll, 0)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = session.ErrNotFound
	}
	return f, err
}

// onShelf calls f with the folder of an ID. The folder stays open from the first
// use on, which spares two of seven system calls of a load each time it is
// walked through. What is not found in it is looked for again if it is no longer
// the folder of that name: somebody tidied it away while it was empty, and
// another process has made a new one.
func (s *Store) onShelf(id session.ID, f func(shelf *os.Root) error) error {
	for {
		shelf, err := s.shelf(id[0])
		if err != nil {
			return err
		}
		err = f(shelf)
		if !errors.Is(err, fs.ErrNotExist) || s.current(id[0], shelf) {
			return err
		}
		// Not closed: others may be about to use it. The collector does that.
		s.shelves[id[0]].CompareAndSwap(shelf, nil)
	}
}

func (s *Store) shelf(folder byte) (*os.Root, error) {
	if shelf := s.shelves[folder].Load(); shelf != nil {
		return shelf, nil
	}
	shelf, err := s.records.OpenRoot(folderName(folder))
	if err == nil && !s.shelves[folder].CompareAndSwap(nil, shelf) {
		shelf.Close()
		return s.shelf(folder)
	}
	return shelf, err
}

func (s *Store) current(folder byte, shelf *os.Root) bool {
	open, err := shelf.Stat(".")
	if err != nil {
		return false
	}
	named, err := s.records.Stat(folderName(folder))
	return err == nil && os.SameFile(open, named)
}
