package natstest

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the size of the largest message. It has room for a record with data of
// 1 MiB, which the default of the server does not.
const MaxPayload = 2 << 20

// readyTimeout is how long a server may take to start on a busy machine.
const readyTimeout = time.Minute

// Start starts a server on a free loopback port, with its data in dir. The caller shuts it
// down. Change adapts its options, unless it is nil.
func Start(dir string, change func(*server.Options)) (*server.Server, error) {
	opts := &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, MaxPayload: MaxPayload,
		JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	}
	if change != nil {
		change(opts)
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(readyTimeout) {
		s.Shutdown()
		return nil, errors.New("NATS server: it is not ready in time")
	}
	return s, nil
}
