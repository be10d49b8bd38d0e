package redisstore_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
)

// hung returns the address of a server that accepts connections and never answers.
func hung(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			tb.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().String()
}

// Every call ends with its context, whether the client looks at it or not.
func TestHungServer(t *testing.T) {
	address := hung(t)
	for name, c := range map[string]func() (redis.UniversalClient, error){
		"pool": func() (redis.UniversalClient, error) { return redis.NewClient(&redis.Options{Addr: address}), nil },
		"deadlines": func() (redis.UniversalClient, error) {
			return redis.NewClient(&redis.Options{Addr: address, ContextTimeoutEnabled: true}), nil
		},
		"cluster": func() (redis.UniversalClient, error) {
			return redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}}), nil
		},
		"automatic pipeline": func() (redis.UniversalClient, error) {
			return redis.NewClient(&redis.Options{Addr: address}).AutoPipeline()
		},
		"asynchronous pipeline": func() (redis.UniversalClient, error) {
			return redis.NewClient(&redis.Options{Addr: address}).AsyncAutoPipeline()
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := c()
			if err != nil {
				t.Fatal(err)
			}
			s, err := redisstore.New(client, redisstore.Config{})
			if err != nil {
				t.Fatal(err)
			}
			r := record("ana")
			last := func(seq func(func(session.Record, error) bool)) (err error) {
				seq(func(_ session.Record, e error) bool { err = e; return true })
				return err
			}
			for what, call := range map[string]func(context.Context) error{
				"Load":        func(ctx context.Context) error { _, err := s.Load(ctx, r.ID); return err },
				"Create":      func(ctx context.Context) error { return s.Create(ctx, r) },
				"Update":      func(ctx context.Context) error { return s.Update(ctx, r) },
				"Delete":      func(ctx context.Context) error { return s.Delete(ctx, r.ID) },
				"Touch":       func(ctx context.Context) error { return s.Touch(ctx, r.ID, r.LastActivity, r.ExpiresAt) },
				"List":        func(ctx context.Context) error { return last(s.List(ctx)) },
				"ListOwner":   func(ctx context.Context) error { return last(s.ListOwner(ctx, "ana")) },
				"DeleteOwned": func(ctx context.Context) error { _, err := s.DeleteOwned(ctx, "ana", []session.ID{r.ID}); return err },
				"Prune":       func(ctx context.Context) error { _, err := s.Prune(ctx, time.Now(), 1); return err },
				"Check":       s.Check,
				"Warnings":    func(ctx context.Context) error { _, err := s.Warnings(ctx); return err },
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
				is(t, what, call(ctx), context.DeadlineExceeded)
				cancel()
				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(5*time.Millisecond, cancel)
				is(t, what+" when cancelled", call(ctx), context.Canceled)
			}
		})
	}
}

// After Close, every call fails.
func TestClosed(t *testing.T) {
	s := open(t, dial(t, nil), prefix(t))
	r := created(t, s, "ana")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	_, err := s.Load(t.Context(), r.ID)
	is(t, "Load", err, redisstore.ErrClosed)
	is(t, "Create", s.Create(t.Context(), r), redisstore.ErrClosed)
	is(t, "Update", s.Update(t.Context(), r), redisstore.ErrClosed)
	is(t, "Check", s.Check(t.Context()), redisstore.ErrClosed)
	for _, err := range s.List(t.Context()) {
		is(t, "List", err, redisstore.ErrClosed)
	}
}
