package main

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A clock is the wall clock plus an offset in a file, which all processes read: who
// moves it moves it for all of them at one instant.
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

// Now is a session.Config.Now. The offset is read by one system call, which another
// one that writes eight bytes does not tear.
func (c *clock) Now() time.Time {
	var b [8]byte
	if _, err := c.f.ReadAt(b[:], 0); err != nil {
		panic(err) // our own file of eight bytes
	}
	return time.Now().Add(time.Duration(binary.BigEndian.Uint64(b[:])))
}

func (c *clock) set(offset time.Duration) error {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(offset))
	_, err := c.f.WriteAt(b[:], 0)
	return err
}

// instant is a reading of the monotonic clock, which all processes of a machine
// share; time.Time keeps its own reading to itself.
func instant() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every kernel since 2.6 has it
	}
	return t.Nano()
}
