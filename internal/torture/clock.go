package main

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A clock is the wall clock plus an offset that all processes read from one file, so that a
// change takes effect in all of them at the same instant.
type clock struct{ f *os.File }

func openClock(file string) (*clock, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &clock{f}
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return c, errors.Join(err, c.set(0))
	}
	return c, nil
}

// Now implements session.Config.Now. It reads the offset with one system call, so it never
// sees a partial write of the eight bytes.
func (c *clock) Now() time.Time {
	var b [8]byte
	if _, err := c.f.ReadAt(b[:], 0); err != nil {
		panic(err) // openClock wrote the eight bytes
	}
	return time.Now().Add(time.Duration(binary.BigEndian.Uint64(b[:])))
}

func (c *clock) set(offset time.Duration) error {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(offset))
	_, err := c.f.WriteAt(b[:], 0)
	return err
}

// monotonicNow reads the monotonic clock, which all processes of a machine share. The
// monotonic reading of a time.Time can't be compared between processes.
func monotonicNow() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // supported by every kernel since Linux 2.6
	}
	return t.Nano()
}
