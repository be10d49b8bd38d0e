package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
)

// A gate holds back commands that are sent alone, and counts the commands of each pipeline.
type gate struct {
	hook
	waiting   atomic.Int32
	open      chan struct{}
	mu        sync.Mutex
	pipelines []int
	lose      error // of the connection, after the commands of a pipeline were sent
}

func (g *gate) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if g.open != nil {
			g.waiting.Add(1)
			<-g.open
		}
		return next(ctx, cmd)
	}
}

func (g *gate) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return cmd.Name() == "get" || cmd.Name() == "evalsha" }) {
			return next(ctx, cmds) // the client introduces itself
		}
		g.mu.Lock()
		g.pipelines = append(g.pipelines, len(cmds))
		g.mu.Unlock()
		err := next(ctx, cmds)
		if g.lose != nil {
			for _, cmd := range cmds {
				cmd.SetErr(g.lose)
			}
			err = g.lose
		}
		return err
	}
}

// gated returns a store whose two slots are taken by loads that wait at the gate.
func gated(t *testing.T, g *gate, p string) (s *redisstore.Store, release func()) {
	t.Helper()
	client := dial(t, nil)
	s = open(t, client, p)
	client.AddHook(g)
	g.open = make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, err := s.Load(t.Context(), record("").ID); err != session.ErrNotFound {
				t.Errorf("the load at the gate: got %v, want ErrNotFound", err)
			}
		})
	}
	wait(t, "two loads at the gate", func() bool { return g.waiting.Load() == 2 })
	return s, func() { close(g.open); wg.Wait() }
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s within 30s", what)
		}
	}
}

// Calls that wait share a pipeline, and each gets its own answer: a record, an error of the
// contract, or, if the server has lost the script, the answer of a second command.
func TestWaitingCallsShareAPipeline(t *testing.T) {
	g, p := &gate{}, prefix(t)
	s, release := gated(t, g, p)
	other := open(t, dial(t, nil), p)
	there, stale := created(t, other, "ana"), created(t, other, "bob")
	is(t, "Update of another process", other.Update(t.Context(), stale), nil)
	if err := dial(t, nil).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	calls := []func() error{
		func() error {
			r, err := s.Load(t.Context(), there.ID)
			if !bytes.Equal(r.Data, there.Data) {
				t.Errorf("got data %q", r.Data)
			}
			return err
		},
		func() error { _, err := s.Load(t.Context(), record("").ID); return err },
		func() error { return s.Update(t.Context(), stale) },
		func() error { r := there; r.Data = []byte("changed"); return s.Update(t.Context(), r) },
		func() error { return s.Create(t.Context(), record("")) },
	}
	want := []error{nil, session.ErrNotFound, session.ErrConflict, nil, nil}
	got := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { got[i] = call() })
	}
	wait(t, "queue of five", func() bool { return redisstore.Waiting(s) == len(calls) })
	release()
	wg.Wait()
	for i := range want {
		is(t, "call", got[i], want[i])
	}
	if len(g.pipelines) == 0 || g.pipelines[0] != len(calls) {
		t.Errorf("got pipelines of %v commands, want all %d calls in the first", g.pipelines, len(calls))
	}
}

// If the connection is lost, no call of the pipeline reports success.
func TestPipelineIsLost(t *testing.T) {
	g, p := &gate{lose: errors.New("connection reset")}, prefix(t)
	s, release := gated(t, g, p)
	r := created(t, open(t, dial(t, nil), p), "ana")
	var wg sync.WaitGroup
	for _, call := range []func() error{
		func() error { _, err := s.Load(t.Context(), r.ID); return err },
		func() error { return s.Update(t.Context(), r) },
	} {
		wg.Go(func() { is(t, "call", call(), g.lose) })
	}
	wait(t, "queue of two", func() bool { return redisstore.Waiting(s) == 2 })
	release()
	wg.Wait()
}

// A call whose context ends while it waits was not sent.
func TestContextEndsInQueue(t *testing.T) {
	g, p := &gate{}, prefix(t)
	s, release := gated(t, g, p)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := record("")
	is(t, "Create", s.Create(ctx, r), context.DeadlineExceeded)
	_, err := open(t, dial(t, nil), p).Load(t.Context(), r.ID)
	is(t, "Load", err, session.ErrNotFound)
}
