package network

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Timer waits more precisely than time.Sleep, which rounds up to milliseconds in a
// process that is otherwise idle.
type Timer struct {
	fd   int
	file *os.File // for the runtime to wait for
}

// NewTimer returns a timer for one goroutine at a time.
func NewTimer() (*Timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &Timer{fd, os.NewFile(uintptr(fd), "timer")}, nil
}

// Wait returns at a time, or at once if it has passed.
func (t *Timer) Wait(until time.Time) {
	left := time.Until(until)
	if left <= 0 {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(left.Nanoseconds())}
	var expirations [8]byte
	err := unix.TimerfdSettime(t.fd, 0, &spec, nil)
	if err == nil {
		_, err = t.file.Read(expirations[:])
	}
	if err != nil {
		time.Sleep(time.Until(until))
	}
}

// Close releases the timer.
func (t *Timer) Close() error { return t.file.Close() }
