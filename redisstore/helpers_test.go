package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
)

// A hook runs each command that is not part of a pipeline through a function.
type hook struct {
	process func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error
}

func (hook) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return h.process(ctx, cmd, next) }
}
func (hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// hooked returns a client with a hook.
func hooked(tb testing.TB, process func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error) *redis.Client {
	tb.Helper()
	c := dial(tb, nil)
	c.AddHook(hook{process})
	return c
}

// twice sends every command again, as a client does that has lost the answer.
func twice(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
	_ = next(ctx, cmd)
	return next(ctx, cmd)
}

// commands records the names of commands.
type commands struct {
	mu    sync.Mutex
	names []string
}

func (c *commands) process(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
	c.mu.Lock()
	c.names = append(c.names, cmd.Name())
	c.mu.Unlock()
	return next(ctx, cmd)
}

// take returns the names since the last call.
func (c *commands) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.names
	c.names = nil
	return names
}

func record(owner string) session.Record {
	now := time.Now().UTC()
	r := session.Record{Owner: owner, Version: 1, CreatedAt: now, LastActivity: now, ExpiresAt: now.Add(time.Hour), Data: []byte("data")}
	rand.Read(r.ID[:])
	return r
}

// created stores a record of an owner.
func created(tb testing.TB, s *redisstore.Store, owner string) session.Record {
	tb.Helper()
	r := record(owner)
	if err := s.Create(context.Background(), r); err != nil {
		tb.Fatal(err)
	}
	return r
}

// listed returns the sorted IDs of an owner's sessions.
func listed(tb testing.TB, s *redisstore.Store, owner string) (ids []string) {
	tb.Helper()
	for r, err := range s.ListOwner(context.Background(), owner) {
		if err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, r.ID.String())
	}
	slices.Sort(ids)
	return ids
}

func is(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s: got %v, want %v", what, got, want)
	}
}
