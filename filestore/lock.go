package filestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/atomicfile"
)

// locked calls f with the lock of the folder of the ID, which excludes the writers of all
// processes.
func (s *Store) locked(ctx context.Context, id session.ID, f func() error) error {
	if s.readOnly {
		return errReadOnly
	}
	attempt := func() error {
		release, err := s.lock(ctx, id[0])
		if err != nil {
			return err
		}
		defer release()
		return f()
	}
	return wrapError(s.again(attempt))
}

// again calls f, and calls it once more if it failed because the session folder was deleted.
func (s *Store) again(f func() error) error {
	err := f()
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if reopened, failed := s.reopen(); failed != nil {
		return failed
	} else if reopened {
		return f()
	}
	return err
}

// lock takes the lock of a folder, first within the process, where waiting is cheap, and
// then between processes. So only one goroutine of each process polls the kernel.
func (s *Store) lock(ctx context.Context, folder byte) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sem := s.sems[folder]
	select {
	case sem <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var f *os.File
	err = s.again(func() error {
		f, err = s.lockFile(ctx, folderName(folder))
		return err
	})
	if err != nil && !(s.readOnly && errors.Is(err, fs.ErrNotExist)) { // nobody has written there yet
		<-sem
		return nil, err
	}
	return func() {
		f.Close() // releases the lock, as the end of the process would
		<-sem
	}, nil
}

// lockFile opens and locks a file in locks. It opens the file each time, and checks after
// locking that the name still refers to the same file: a lock on a deleted file does not
// exclude anybody.
func (s *Store) lockFile(ctx context.Context, name string) (*os.File, error) {
	for {
		f, err := s.openLock(name)
		if err != nil {
			return nil, err
		}
		if err := waitLock(ctx, f); err != nil {
			f.Close()
			return nil, err
		}
		ours, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		named, err := s.locks.Load().Lstat(name)
		switch {
		case err == nil && os.SameFile(ours, named):
			return f, nil
		case err == nil && !named.Mode().IsRegular():
			err = fmt.Errorf("session: file store: locks/%s is not a regular file; remove it", name)
		case err == nil || errors.Is(err, fs.ErrNotExist):
			err = nil // there is a new file; retry with that
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// openLock opens a lock file, and creates it if it does not exist, with mode 0600
// regardless of the umask. It opens the file for writing, because flock on NFS requires
// that.
func (s *Store) openLock(name string) (*os.File, error) {
	locks := s.locks.Load()
	if locks == nil {
		return nil, fs.ErrNotExist
	}
	f, err := locks.OpenFile(name, os.O_RDWR|atomicfile.NoPoll, 0)
	if s.readOnly || !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f, err = locks.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|atomicfile.NoPoll, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return locks.OpenFile(name, os.O_RDWR|atomicfile.NoPoll, 0) // another process has just created it
	}
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// The pause between two attempts to take a lock doubles from firstPause to lastPause. A
// process holds a lock for about as long as an fsync takes.
const (
	firstPause = 50 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// waitLock locks a file. It polls instead of waiting in the kernel, because a context
// cannot interrupt a goroutine that waits there.
func waitLock(ctx context.Context, f *os.File) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		ok, err := tryLock(f)
		if ok || err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("session: file store: another process keeps %s locked: %w", f.Name(), ctx.Err())
		}
	}
}
