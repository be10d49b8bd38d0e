package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
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

// login stores a session of an owner, and returns its token.
func login(tb testing.TB, m *session.Manager, owner string) session.Token {
	tb.Helper()
	return change(tb, m, "", func(s *session.Session) { s.Login(owner) })
}

func change(tb testing.TB, m *session.Manager, token session.Token, f func(*session.Session)) session.Token {
	tb.Helper()
	s, err := m.Load(context.Background(), token)
	if err != nil {
		tb.Fatal(err)
	}
	f(s)
	c, err := m.Commit(context.Background(), s)
	if err != nil {
		tb.Fatal(err)
	}
	if c == nil {
		return token
	}
	return session.Token(c.Value)
}

func watched(t *testing.T, m *session.Manager, token session.Token) context.Context {
	t.Helper()
	s, err := m.Load(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := s.Watch(t.Context())
	t.Cleanup(cancel)
	return ctx
}

// endsWith waits until a watch ends, and checks why.
func endsWith(ctx context.Context, t *testing.T, want error) {
	t.Helper()
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		t.Fatal("the watch goes on")
	}
	if got := context.Cause(ctx); !errors.Is(got, want) {
		t.Errorf("the cause is %v, want %v", got, want)
	}
}

// A watch ends when another manager, with a client of its own, ends the session or replaces the
// token, and not when it writes. No poll tells: its time never comes.
func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		p := prefix(t)
		m, other := watcher(t, open(t, k.connect(t), p)), watcher(t, open(t, k.connect(t), p))
		ada, ben, eve := login(t, other, "ada"), login(t, other, "ben"), login(t, other, "eve")
		out, again, all, goesOn := watched(t, m, ada), watched(t, m, ben), watched(t, m, eve), watched(t, m, login(t, other, "sam"))
		ada = change(t, other, ada, func(s *session.Session) { s.Set("k", 1) })
		change(t, other, ada, (*session.Session).Invalidate)
		endsWith(out, t, session.ErrEnded)
		change(t, other, ben, func(s *session.Session) { s.Login("ben") })
		endsWith(again, t, session.ErrReplaced)
		if n, err := other.RevokeOwner(t.Context(), "eve"); n != 1 || err != nil {
			t.Error(n, err)
		}
		endsWith(all, t, session.ErrEnded)
		if goesOn.Err() != nil {
			t.Error("a watch of another session has ended:", context.Cause(goesOn))
		}
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
