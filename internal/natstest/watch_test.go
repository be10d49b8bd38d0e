package natstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/watchcheck"
	"github.com/expanse-go/session/natsstore"
)

// watcher returns a manager on a store, which polls once a day.
func watcher(tb testing.TB, s *natsstore.Store) *session.Manager {
	tb.Helper()
	m, err := session.New(s, session.Config{WatchEvery: 24 * time.Hour})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close(context.Background()) })
	return m
}

// A watch ends when another manager, with a connection to another server, ends the session or
// replaces the token, and not when it writes. No poll tells: its time never comes.
func TestWatch(t *testing.T) {
	c := startCluster(t)
	newBucket(t, connect(t, c.URL()), "sessions", 3)
	m := watcher(t, open(t, connect(t, c.NodeURL(0)), "sessions"))
	other := watcher(t, open(t, connect(t, c.NodeURL(1)), "sessions"))
	watchcheck.Managers(t, m, other)
}

// An ear hears what a store broadcasts.
type ear struct {
	t     *testing.T
	heard chan session.ID
	ended chan error
	stop  context.CancelFunc
}

func listen(t *testing.T, s *natsstore.Store) *ear {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	e := &ear{t, make(chan session.ID, 10), make(chan error, 1), cancel}
	go func() { e.ended <- s.Listen(ctx, func(id session.ID) { e.heard <- id }) }()
	return e
}

func (e *ear) next() (id session.ID) {
	e.t.Helper()
	select {
	case id = <-e.heard:
	case err := <-e.ended:
		e.t.Fatalf("Listen: %v", err)
	case <-time.After(time.Minute):
		e.t.Fatal("nothing is heard")
	}
	return id
}

// After a lost connection, the store listens again, and says that it may have missed something.
// When the connection is closed, it gives up.
func TestListenAfterALostConnection(t *testing.T) {
	c := startServers(t, 1)
	js := connect(t, c.URL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	e := listen(t, s)
	if id := e.next(); !id.IsZero() {
		t.Fatalf("first heard %v, want the zero ID", id)
	}
	c.Kill(0)
	if err := c.Start(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if id := e.next(); !id.IsZero() {
		t.Errorf("after the connection was lost, heard %v, want the zero ID", id)
	}
	id := session.ID{1}
	if err := s.Broadcast(t.Context(), []session.ID{id}); err != nil {
		t.Fatal(err)
	}
	if got := e.next(); got != id {
		t.Errorf("heard %v, want %v", got, id)
	}
	js.Conn().Close()
	if err := <-e.ended; !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("got %v, want that the connection is closed", err)
	}
}

// Messages of other programs are ignored, and Listen ends with its context.
func TestListenHearsIDsOnly(t *testing.T) {
	js := connect(t, startServers(t, 1).URL())
	s := open(t, js, "sessions")
	e := listen(t, s)
	e.next() // it hears now
	want := session.ID{2}
	if err := errors.Join(js.Conn().Publish("session.ended.sessions", []byte("hello")), s.Broadcast(t.Context(), []session.ID{want})); err != nil {
		t.Fatal(err)
	}
	if got := e.next(); got != want {
		t.Errorf("heard %v, want %v", got, want)
	}
	e.stop()
	if err := <-e.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}

// A user who must not use the subject can use everything else.
func TestWatchWithoutTheSubject(t *testing.T) {
	srv := startServer(t, func(o *server.Options) {
		allowed := &server.SubjectPermission{Allow: []string{"$KV.Sessions.>", "$JS.API.>", "_INBOX.>"}}
		o.Users = []*server.User{{Username: "app", Password: "a", Permissions: &server.Permissions{Publish: allowed, Subscribe: allowed}}}
	})
	silent := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	js := connect(t, srv.ClientURL(), nats.UserInfo("app", "a"), silent)
	newBucket(t, js, "Sessions", 1)
	s := open(t, js, "Sessions")
	if err := s.Listen(t.Context(), func(session.ID) {}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen: got %v, want ErrUnsupported", err)
	}
	if err := s.Broadcast(t.Context(), []session.ID{{1}}); err != nil {
		t.Errorf("Broadcast: %v", err)
	}
	mustCreate(t, s, record(1, "ana"))
}

// A broadcast is not stored.
func TestBroadcastStoresNothing(t *testing.T) {
	js := connect(t, startServers(t, 1).URL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	e := listen(t, s)
	e.next()
	if err := s.Broadcast(t.Context(), []session.ID{{1}}); err != nil {
		t.Fatal(err)
	}
	e.next()
	if all := keys(t, js, "sessions", ">"); len(all) > 0 {
		t.Errorf("the bucket has %q", all)
	}
}
