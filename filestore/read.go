package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/expanse-go/session"
)

const (
	headHint = 1 << 10 // bytes to read for a head: enough for what managers write
	dataHint = 1 << 16 // bytes to read at once for a whole record, at most
)

// open opens the file of a record, and returns its size at about that time.
func (s *Store) open(id session.ID) (*os.File, int64, error) {
	name := recordName(id)
	// os.Root keeps links from leading out of the folder, but follows those within
	// it, and opening a named pipe would wait for its other end. So the kind of file
	// comes first. Between the two calls only a writer of this package can replace
	// it: whoever else may write here needs no tricks.
	info, err := s.records.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = damage("it is not a regular file")
	}
	var f *os.File
	if err == nil {
		f, err = s.records.Open(name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, session.ErrNotFound
	case err != nil:
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// head reads a record up to its data.
func (s *Store) head(id session.ID) (head, error) {
	f, size, err := s.open(id)
	if err != nil {
		return head{}, err
	}
	defer f.Close()
	h, _, err := readHead(f, int(min(size, headHint)))
	return h, check(id, &h, err)
}

// anybody lets load take the record of any owner.
func anybody(*head) bool { return true }

// load reads a whole record, if its head is wanted; else there is none for the
// caller.
func (s *Store) load(id session.ID, wanted func(*head) bool) (session.Record, error) {
	f, size, err := s.open(id)
	if err != nil {
		return session.Record{}, err
	}
	defer f.Close()
	h, rest, err := readHead(f, int(min(size, dataHint)))
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
		return fmt.Errorf("%w (file records/%s)", err, recordName(id))
	}
	return err
}
