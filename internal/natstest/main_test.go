package natstest_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/natstest"
	"github.com/expanse-go/session/internal/respawn"
	"github.com/expanse-go/session/natsstore"
)

// TestMain is also the main function of the servers that are child processes.
func TestMain(m *testing.M) {
	job, args := respawn.Job()
	if job == natstest.Job {
		if err := natstest.Serve(args); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	program, remove, err := respawn.Plain()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	respawn.Program = program
	code := m.Run()
	remove()
	os.Exit(code)
}

// startServer starts a server in this process, with options of its own.
func startServer(tb testing.TB, change func(*server.Options)) *server.Server {
	tb.Helper()
	s, err := natstest.Start(tb.TempDir(), change)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func startCluster(tb testing.TB) *natstest.Cluster {
	tb.Helper()
	return startServers(tb, 3)
}

// startServers starts servers that are child processes, which take less time than one in this
// process with the race detector.
func startServers(tb testing.TB, n int) *natstest.Cluster {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	c, err := natstest.StartCluster(ctx, tb.TempDir(), n)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Stop)
	return c
}

// connect opens a connection of its own, as each process has one.
func connect(tb testing.TB, url string, opts ...nats.Option) jetstream.JetStream {
	tb.Helper()
	conn, err := nats.Connect(url, append([]nats.Option{nats.MaxReconnects(-1), nats.ReconnectWait(20 * time.Millisecond)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		tb.Fatal(err)
	}
	return js
}

func newBucket(tb testing.TB, js jetstream.JetStream, name string, replicas int) {
	tb.Helper()
	if err := natstest.CreateBucket(tb.Context(), js, name, replicas); err != nil {
		tb.Fatal(err)
	}
}

func open(tb testing.TB, js jetstream.JetStream, bucket string) *natsstore.Store {
	tb.Helper()
	s, err := natsstore.New(js, natsstore.Config{Bucket: bucket})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func mustCreate(tb testing.TB, s session.Store, r session.Record) {
	tb.Helper()
	if err := s.Create(tb.Context(), r); err != nil {
		tb.Fatal(err)
	}
}

// record returns a record that is valid for an hour.
func record(id byte, owner string) session.Record {
	now := time.Now().UTC()
	return session.Record{ID: session.ID{id}, Owner: owner, CreatedAt: now, LastActivity: now, ExpiresAt: now.Add(time.Hour)}
}
