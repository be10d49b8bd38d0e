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

// locked calls f while no other writer of any process works in the folder of the
// ID.
func (s *Store) locked(ctx context.Context, id session.ID, f func() error) error {
	release, err := s.lock(ctx, id[0])
	if err != nil {
		return fault(err)
	}
	defer release()
	return fault(f())
}

// lock takes the lock of a folder: first in this process, where waiting costs
// nothing, then between processes. One goroutine of each process is left to ask
// the kernel.
func (s *Store) lock(ctx context.Context, folder byte) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	turn := s.turns[folder]
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := s.lockFile(ctx, folderName(folder))
	if err != nil {
		<-turn
		return nil, err
	}
	return func() {
		f.Close() // gives up the lock, as the death of the process would
		<-turn
	}, nil
}

// lockFile opens and locks a file in locks. The file is opened anew each time, and
// compared with its name once it is locked: a lock on a file that somebody has
// tidied away excludes nobody.
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
		named, err := s.locks.Lstat(name)
		switch {
		case err == nil && os.SameFile(ours, named):
			return f, nil
		case err == nil && !named.Mode().IsRegular():
			err = fmt.Errorf("session: file store: locks/%s is not a regular file; remove it", name)
		case err == nil || errors.Is(err, fs.ErrNotExist):
			err = nil // a new one; try that
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// openLock opens a lock file, for writing because flock on NFS asks for that, and
// makes it once, with its mode whatever the umask.
func (s *Store) openLock(name string) (*os.File, error) {
	f, err := s.locks.OpenFile(name, os.O_RDWR|atomicfile.NoPoll, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	f, err = s.locks.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|atomicfile.NoPoll, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return s.locks.OpenFile(name, os.O_RDWR|atomicfile.NoPoll, 0) // another process was faster
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

// Pauses between two attempts at a lock that another process has. A holder
// needs about as long as an fsync takes.
const (
	firstPause = 50 * time.Microsecond
	lastPause  = 5 * time.Millisecond
)

// waitLock locks a file. It asks again and again instead of waiting in the
// kernel, from where no context brings a goroutine back.
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
