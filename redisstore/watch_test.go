package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/watchcheck"
	"github.com/expanse-go/session/redisstore"
)

// watcher returns a manager on a store, which polls once a day.
func watcher(tb testing.TB, s *redisstore.Store) *session.Manager {
	tb.Helper()
	m, err := session.New(s, session.Config{WatchEvery: 24 * time.Hour})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(context.Background()) })
	return m
}

// A watch ends when another manager, with a client of its own, ends the session or replaces the
// token, and not when it writes. No poll tells: its time never comes.
func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		p := prefix(t)
		watchcheck.Managers(t, watcher(t, open(t, k.connect(t), p)), watcher(t, open(t, k.connect(t), p)))
	})
}

// After a lost connection, the store listens again, and says that it may have missed something.
func TestListenAfterALostConnection(t *testing.T) {
	admin := dial(t, nil)
	s := open(t, dial(t, nil), prefix(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	heard, ended := make(chan session.ID, 10), make(chan error, 1)
	go func() { ended <- s.Listen(ctx, func(id session.ID) { heard <- id }) }()
	next := func() session.ID {
		select {
		case id := <-heard:
			return id
		case <-time.After(time.Minute):
			t.Fatal("nothing is heard")
		}
		return session.ID{}
	}
	if id := next(); !id.IsZero() {
		t.Fatalf("first heard %v, want the zero ID", id)
	}
	if err := admin.ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
		t.Fatal(err)
	}
	if id := next(); !id.IsZero() {
		t.Errorf("after the connection was lost, heard %v, want the zero ID", id)
	}
	id := session.ID{1}
	if err := s.Broadcast(ctx, []session.ID{id}); err != nil {
		t.Fatal(err)
	}
	if got := next(); got != id {
		t.Errorf("heard %v, want %v", got, id)
	}
	cancel()
	is(t, "Listen", <-ended, context.Canceled)
}

// A user who must not use the channel can use everything else.
func TestWatchWithoutTheChannel(t *testing.T) {
	p := prefix(t)
	user := "u" + p[:16]
	admin := dial(t, nil)
	rules := []any{"ACL", "SETUSER", user, "on", "nopass", "resetchannels", "~" + p + "*", "+@all"}
	if err := admin.Do(t.Context(), rules...).Err(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Do(context.Background(), "ACL", "DELUSER", user) })
	s := open(t, dial(t, func(o *redis.Options) { o.Username, o.Password = user, "any" }), p)
	is(t, "Broadcast", s.Broadcast(t.Context(), []session.ID{{1}}), nil)
	is(t, "Listen", s.Listen(t.Context(), func(session.ID) {}), errors.ErrUnsupported)
}
