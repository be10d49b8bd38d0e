package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/internal/batch"
)

// A queue lets commands that wait at the same time share a pipeline, as the queues of the other
// stores do with statements. It serves a single server (Sentinel included). In a cluster, a
// pipeline waits for the slowest of its nodes, so one that hangs would hold up the sessions
// of all others.
type queue struct {
	batch.Queue[redis.Cmder, struct{}]
	server batch.Server
}

const (
	// patience is how long others wait for the leader of a batch.
	patience = 100 * time.Millisecond

	// maxBatch and maxBatchBytes limit a pipeline, because its first answer waits until the
	// last command is sent. A single command may be larger.
	maxBatch      = 64
	maxBatchBytes = 256 << 10
)

// newQueue returns a queue with two slots: with one, the server would idle while its answers
// are handed out.
func newQueue(s *Store, client *redis.Client) *queue {
	q := new(queue)
	q.server.Free = func() bool {
		pool := client.PoolStats()
		return pool.IdleConns > 0 || int(pool.TotalConns) < client.Options().PoolSize
	}
	q.Queue = batch.Queue[redis.Cmder, struct{}]{
		Slots: 2, Max: maxBatch, Patience: patience, Server: &q.server, Fits: fits,
		Single: batch.Timed(&q.server, func(ctx context.Context, cmd redis.Cmder) (struct{}, error) {
			return struct{}{}, s.send(ctx, cmd)
		}),
		Batch: s.sendMany,
	}
	return q
}

func fits(b []redis.Cmder, next redis.Cmder) bool {
	n := commandSize(next)
	for _, cmd := range b {
		n += commandSize(cmd)
	}
	return n <= maxBatchBytes
}

// commandSize returns about how many bytes a command sends.
func commandSize(cmd redis.Cmder) (n int) {
	for _, arg := range cmd.Args() {
		switch arg := arg.(type) {
		case string:
			n += len(arg)
		case []byte:
			n += len(arg)
		}
	}
	return n
}

// sendMany sends commands in one pipeline. Each gets its own error.
func (s *Store) sendMany(ctx context.Context, cmds []redis.Cmder, _ []struct{}, errs []error) {
	_, err := await(ctx, s, func(ctx context.Context) (struct{}, error) {
		p := s.client.Pipeline()
		for _, cmd := range cmds {
			_ = p.Process(ctx, cmd) // which only queues it
		}
		_, _ = p.Exec(ctx) // its error is that of one of the commands
		return struct{}{}, nil
	})
	for i, cmd := range cmds {
		if errs[i] = err; err == nil { // otherwise, the commands belong to the client
			errs[i] = cmd.Err()
		}
	}
}
