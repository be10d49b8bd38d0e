package natstest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/natstest"
	"github.com/expanse-go/session/natsstore"
)

// leader returns the number of the server that leads the bucket and whether all replicas are
// up to date. It returns -1 if nobody leads.
func leader(ctx context.Context, c *natstest.Cluster, js jetstream.JetStream) (leads int, current bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	stream, err := js.Stream(ctx, "KV_sessions")
	if err != nil {
		return -1, false
	}
	info := stream.CachedInfo().Cluster
	leads, err = c.Index(info.Leader)
	if err != nil {
		return -1, false
	}
	current = len(info.Replicas) == 2
	for _, r := range info.Replicas {
		current = current && r.Current && !r.Offline
	}
	return leads, current
}

// A load is writers that use sessions of their own and share one, on stores with connections
// to different servers. Every call must succeed: it waits until there is a leader.
type load struct {
	stores []*natsstore.Store
	shared session.ID
	added  atomic.Int64 // acknowledged increments of the shared session
	acked  atomic.Int64 // acknowledged writes

	mu       sync.Mutex
	sessions map[session.ID]uint64 // the version that is acknowledged; 0: deleted
}

const callTimeout = 2 * time.Minute // for an election on a busy machine

// write runs a writer until stop is closed: it creates a session, updates and touches it, and
// deletes every second one. After each write, a store on another server must see it.
func (l *load) write(ctx context.Context, w int, stop <-chan struct{}) error {
	for n := uint32(1); ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		r := record(byte(w+1), "owner "+strconv.Itoa(w))
		r.ID[12], r.ID[13], r.ID[14], r.ID[15] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
		if err := l.session(ctx, w, n, r); err != nil {
			return fmt.Errorf("writer %d, session %d: %w", w, n, err)
		}
		if err := l.add(ctx, l.stores[w%len(l.stores)]); err != nil {
			return fmt.Errorf("writer %d, shared session: %w", w, err)
		}
	}
}

func (l *load) session(ctx context.Context, w int, n uint32, r session.Record) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	one, other := l.stores[w%len(l.stores)], l.stores[(w+1)%len(l.stores)]
	sees := func(want uint64) error {
		l.acked.Add(1)
		got, err := other.Load(ctx, r.ID)
		if want == 0 && err == session.ErrNotFound {
			return nil
		}
		if err != nil || got.Version != want {
			return fmt.Errorf("load of acknowledged version %d: got version %d, %v", want, got.Version, err)
		}
		return nil
	}
	if err := errors.Join(one.Create(ctx, r), sees(1)); err != nil {
		return err
	}
	r.Version = 1
	if err := errors.Join(other.Touch(ctx, r.ID, r.LastActivity.Add(time.Second), r.ExpiresAt.Add(time.Second)), one.Update(ctx, r), sees(2)); err != nil {
		return err
	}
	version := uint64(2)
	if n%2 == 0 {
		if err := errors.Join(one.Delete(ctx, r.ID), sees(0)); err != nil {
			return err
		}
		version = 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[r.ID] = version
	return nil
}

// add increments the version of the shared session, which several writers do at once.
func (l *load) add(ctx context.Context, s *natsstore.Store) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for {
		r, err := s.Load(ctx, l.shared)
		if err == nil {
			err = s.Update(ctx, r)
		}
		if err == nil {
			l.added.Add(1)
			l.acked.Add(1)
			return nil
		}
		if err != session.ErrConflict {
			return err
		}
	}
}

// verify compares what is stored with what was acknowledged.
func (l *load) verify(t *testing.T, s *natsstore.Store) {
	t.Helper()
	if r, err := s.Load(t.Context(), l.shared); err != nil || r.Version < uint64(l.added.Load())+1 {
		t.Errorf("shared session: got version %d, %v, want at least %d", r.Version, err, l.added.Load()+1)
	}
	owned := map[string]int{}
	for id, version := range l.sessions {
		r, err := s.Load(t.Context(), id)
		switch {
		case version == 0 && err != session.ErrNotFound:
			t.Errorf("%s: got version %d, %v, want none: it was deleted", id, r.Version, err)
		case version != 0 && (err != nil || r.Version != version):
			t.Errorf("%s: got version %d, %v, want %d", id, r.Version, err, version)
		}
		if version != 0 {
			owned[r.Owner]++
		}
	}
	for owner, want := range owned {
		got := 0
		for _, err := range s.ListOwner(t.Context(), owner) {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got != want {
			t.Errorf("%s: got %d sessions in the index, want %d", owner, got, want)
		}
	}
}

// Servers of a cluster are killed under load, the leader most of all. No call fails, and no
// acknowledged write is lost.
func TestKilledServersLoseNothing(t *testing.T) {
	c := startCluster(t)
	admin := connect(t, c.URL())
	newBucket(t, admin, "sessions", 3)
	l := &load{shared: session.ID{0xff}, sessions: map[session.ID]uint64{}}
	for i := range 3 { // each begins on a server of its own, and knows the others
		l.stores = append(l.stores, open(t, connect(t, c.NodeURL(i)), "sessions"))
	}
	shared := record(0xff, "")
	shared.ID = l.shared
	mustCreate(t, l.stores[0], shared)

	stop := make(chan struct{})
	failed := make(chan error, 6)
	for w := range 6 {
		go func() { failed <- l.write(t.Context(), w, stop) }()
	}
	stopped := false
	defer func() {
		if !stopped {
			close(stop)
		}
	}()
	progress := func() {
		t.Helper()
		before := l.acked.Load()
		await(t, "writes go on", func() bool { return l.acked.Load() > before+50 })
	}
	for round, which := range []string{"leader", "follower", "leader", "leader and follower"} {
		progress()
		var led int
		await(t, "all replicas are up to date", func() bool {
			var current bool
			led, current = leader(t.Context(), c, admin)
			return current
		})
		killed := []int{led}
		if which == "follower" {
			killed = []int{(led + 1) % 3}
		}
		if which == "leader and follower" { // nobody has a quorum until one is back
			killed = []int{led, (led + 1) % 3}
		}
		for _, i := range killed {
			c.Kill(i)
		}
		if len(killed) == 1 {
			progress()
		}
		for _, i := range killed {
			if err := c.Start(t.Context(), i); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		progress()
	}
	close(stop)
	stopped = true
	for range 6 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	l.verify(t, l.stores[1])
	t.Logf("%d acknowledged writes on %d sessions", l.acked.Load(), len(l.sessions))
}

// When all servers hang, a call ends at its deadline, and afterwards the store works.
func TestHungServers(t *testing.T) {
	const (
		limit = 200 * time.Millisecond
		slack = time.Minute // for a busy machine; without its deadline, a call would never end
	)
	c := startCluster(t)
	js := connect(t, c.URL())
	newBucket(t, js, "sessions", 3)
	s := open(t, js, "sessions")
	r := record(1, "ana")
	mustCreate(t, s, r)
	r.Version = 1
	all := func(signal syscall.Signal) {
		for i := range 3 {
			if err := c.Process(i).Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
	}
	all(syscall.SIGSTOP)
	await(t, "the leader hangs", func() bool { // a signal takes a moment
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := s.Load(ctx, r.ID)
		return err != nil
	})
	for name, call := range map[string]func(context.Context) error{
		"load": func(ctx context.Context) error {
			_, err := s.Load(ctx, r.ID)
			return err
		},
		"create": func(ctx context.Context) error { return s.Create(ctx, record(2, "ana")) },
		"update": func(ctx context.Context) error { return s.Update(ctx, r) },
		"touch":  func(ctx context.Context) error { return s.Touch(ctx, r.ID, time.Now(), time.Now().Add(2*time.Hour)) },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, r.ID) },
		"list": func(ctx context.Context) (err error) {
			for _, err = range s.ListOwner(ctx, "ana") {
			}
			return err
		},
		"check": s.Check,
	} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		err := call(ctx)
		cancel()
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > limit+slack {
			t.Errorf("%s: got %v after %v, want the end of the context within %v", name, err, took, limit)
		}
	}
	all(syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	if got, err := s.Load(ctx, r.ID); err != nil || got.Version != 1 {
		t.Errorf("afterwards: got version %d, %v", got.Version, err)
	}
	if err := s.Update(ctx, r); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// A closed connection is an error at once.
func TestClosedConnection(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	js.Conn().Close()
	var failed *session.StoreError
	if _, err := s.Load(t.Context(), session.ID{1}); !errors.As(err, &failed) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
