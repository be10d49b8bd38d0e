//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package filestore

import (
	"errors"
	"os"
	"syscall"
)

const canLock = true

// canWrite asks whether this user may create files in a folder.
func canWrite(dir string) error {
	const write, search = 2, 1
	return syscall.Access(dir, write|search)
}

// tryLock tries to lock an open file, and returns false if the lock is taken. It uses
// flock instead of fcntl, because a process loses an fcntl lock as soon as any of its
// code closes the file.
func tryLock(f *os.File) (ok bool, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		for {
			err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB)
			if !errors.Is(err, syscall.EINTR) {
				return
			}
		}
	})
	switch {
	case controlErr != nil:
		return false, controlErr
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case err != nil:
		return false, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	return true, nil
}
