package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/cmd/beam/internal/demo"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sessiontest"
)

// replica is a program for tests: one of several processes of the demo on the configured store.
// It prints its address, and ends at a signal, or with its parent. The release "newer" adds a field
// to every session that it stores, which the release "older" does not know.
func replica() {
	if err := serveReplica(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "replica:", err)
		os.Exit(1)
	}
}

func serveReplica(release string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	c, err := sessionconfig.Load("config", sessionconfig.WithRedis(redisstore.Open), sessionconfig.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))),
		sessionconfig.Configure(func(s *session.Config) { s.Cookie = session.CookieConfig{DangerouslyAllowHTTP: true} }))
	if err != nil {
		return err
	}
	store, err := c.OpenStore(ctx)
	if err != nil {
		return err
	}
	if release == "newer" {
		store = sessiontest.Wrap(store, stamp)
	}
	m, err := session.New(store, c.Session())
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: demo.New(m, demo.Options{})}
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = server.Shutdown(end)
		_ = m.Close(end)
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	select {} // until the other goroutine exits
}

// fieldOf returns the field of the newer release in the envelope of a session: tag, length and
// content.
func fieldOf(id session.ID) []byte {
	content := append([]byte("\x00newer\xff"), id[:]...)
	return append([]byte{60, byte(len(content))}, content...)
}

// stamp adds the field before a session is stored, and then leaves a file that says so.
func stamp(_ context.Context, c sessiontest.Call, next func() error) error {
	if c.Op != "create" && c.Op != "update" {
		return next()
	}
	field := fieldOf(c.ID)
	if !bytes.Contains(c.Record.Data, field) {
		c.Record.Data = withField(c.Record.Data, field)
	}
	err := next()
	if err == nil {
		return os.WriteFile(filepath.Join("stamped", c.ID.String()), nil, 0o600)
	}
	return err
}

// withField adds a field to an envelope, after the others.
func withField(data, field []byte) []byte {
	at := 6
	for data[at] != 0 {
		n, w := binary.Uvarint(data[at+1:])
		at += 1 + w + int(n)
	}
	out := append(append(append([]byte(nil), data[:at]...), field...), data[at:]...)
	binary.BigEndian.PutUint32(out[2:], crc32.Checksum(out[6:], crc32.MakeTable(crc32.Castagnoli)))
	return out
}
