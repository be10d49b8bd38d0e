//go:build !linux

package network

import "time"

// A Timer waits with time.Sleep.
type Timer struct{}

// NewTimer returns a timer.
func NewTimer() (*Timer, error) { return &Timer{}, nil }

// Wait returns at a time, or at once if it has passed.
func (*Timer) Wait(until time.Time) { time.Sleep(time.Until(until)) }

// Close does nothing.
func (*Timer) Close() error { return nil }
