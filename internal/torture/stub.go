package main

import (
	"context"
	"io"
	"time"
)

func writerChild(context.Context, []byte) error                   { return nil }
func lockerChild(context.Context, []byte) error                   { return nil }
func (t *trial) crash(context.Context) error                      { return nil }
func (t *trial) faults(context.Context) error                     { return nil }
func (t *trial) soak(context.Context, time.Duration) error        { return nil }
func runMutants(context.Context, string, string, io.Writer) error { return nil }
