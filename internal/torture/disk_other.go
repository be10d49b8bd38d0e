//go:build !linux

package main

import "errors"

func mountSmall(string) error { return errors.New("only supported on Linux") }

func unmount(string) error { return nil }
