package filestore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

var errReadOnly = fmt.Errorf("session: file store: the store was opened with OpenReadOnly: %w", errors.ErrUnsupported)

// OpenReadOnly opens the store in a folder for reading only, for example as a different user
// from the program that writes it. Neither OpenReadOnly nor any method creates or changes a
// file. Methods that would write return an error that matches [errors.ErrUnsupported]. If the
// folder does not exist, the store is empty.
func OpenReadOnly(dir string) (*Store, error) {
	s, err := newStore(dir)
	if err != nil {
		return nil, err
	}
	s.readOnly = true
	if err := s.look(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// look opens what exists of the session folder.
func (s *Store) look() error {
	info, err := os.Stat(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("session: cannot use the session folder: %w", err)
	}
	if err := suitable(s.dir, info); err != nil {
		return err
	}
	root, err := s.openFolder()
	if err != nil {
		return err
	}
	defer root.Close()
	for name, part := range s.parts() {
		folder, err := root.OpenRoot(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("session: cannot open the session folder: %w", err)
		}
		part.Store(folder)
		if folder == nil {
			continue
		}
		if err := s.trust(folder, filepath.Join(s.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Check returns the error with which [Open] would fail for the user of this process, as far as
// Check can determine it without creating or changing anything.
func Check(dir string) error {
	s, err := OpenReadOnly(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	existing := s.dir
	for {
		_, err := os.Stat(existing)
		if !errors.Is(err, fs.ErrNotExist) || existing == filepath.Dir(existing) {
			break
		}
		existing = filepath.Dir(existing)
	}
	if err := canWrite(existing); err != nil {
		err = &fs.PathError{Op: "write to", Path: existing, Err: err}
		if existing == s.dir {
			return s.cannotWrite(err)
		}
		return cannotCreate(err)
	}
	return nil
}
