package natstest_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/natsstore"
)

// A deaf proxy forwards everything to a server, until it sees a message to a key. It
// forwards that message, and drops the answers on that connection.
type deaf struct {
	net.Listener

	server string
	key    atomic.Pointer[string] // "": none
	lost   atomic.Int32           // how many connections lost their answers
}

func newDeaf(t *testing.T, server string) *deaf {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deaf{Listener: l, server: server}
	d.loseAnswer("")
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", d.server)
			if err != nil {
				client.Close()
				continue
			}
			lost := &atomic.Bool{}
			all.Go(func() { d.send(server, client, lost) })
			all.Go(func() { answer(client, server, lost) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return d
}

// loseAnswer makes the next message to the key lose its answer.
func (d *deaf) loseAnswer(key string) { d.key.Store(&key) }

func (d *deaf) send(to, from net.Conn, lost *atomic.Bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		key := d.key.Load()
		if *key != "" && bytes.Contains(buf[:n], []byte("HPUB $KV.sessions."+*key)) && d.key.CompareAndSwap(key, new(string)) {
			lost.Store(true)
			d.lost.Add(1)
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// answer closes the connection on which an answer was lost, as a broken network would.
func answer(to, from net.Conn, lost *atomic.Bool) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if lost.Load() && bytes.Contains(buf[:n], []byte("MSG ")) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// The answer to a write is lost after the server has stored it. The store finds out that it
// was its own write, which takes effect once.
func TestLostAnswers(t *testing.T) {
	server := startServer(t, nil)
	newBucket(t, connect(t, server.ClientURL()), "sessions", 1)
	d := newDeaf(t, strings.TrimPrefix(server.ClientURL(), "nats://"))
	s := open(t, connect(t, "nats://"+d.Addr().String()), "sessions")
	r := record(1, "ana")
	key := "id.01." + r.ID.String()
	load := func(version uint64) session.Record {
		t.Helper()
		got, err := s.Load(t.Context(), r.ID)
		if err != nil || got.Version != version {
			t.Fatalf("got version %d, %v, want %d", got.Version, err, version)
		}
		return got
	}
	deleteOwned := func(ctx context.Context, s *natsstore.Store) error {
		n, err := s.DeleteOwned(ctx, "ana", []session.ID{r.ID})
		if err == nil && n != 1 {
			t.Errorf("DeleteOwned: got %d, want 1", n)
		}
		return err
	}
	for name, key := range map[string]string{"the record": key, "the index": "owner."} {
		t.Run("create, "+name, func(t *testing.T) {
			d.loseAnswer(key)
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			load(1)
			if err := deleteOwned(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		})
	}
	mustCreate(t, s, r)
	for i, call := range []func(context.Context, *natsstore.Store) error{
		func(ctx context.Context, s *natsstore.Store) error {
			next := r
			next.Version = 1
			return s.Update(ctx, next)
		},
		func(ctx context.Context, s *natsstore.Store) error {
			return s.Touch(ctx, r.ID, r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute))
		},
		deleteOwned,
	} {
		d.loseAnswer(key)
		if err := call(t.Context(), s); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		switch i {
		case 0:
			load(2)
		case 1:
			if got := load(2); !got.ExpiresAt.Equal(r.ExpiresAt.Add(time.Minute)) {
				t.Errorf("the touch moved ExpiresAt by %v", got.ExpiresAt.Sub(r.ExpiresAt))
			}
		}
	}
	mustCreate(t, s, r)
	d.loseAnswer(key)
	if err := s.Delete(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), r.ID); err != session.ErrNotFound {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if n := d.lost.Load(); n != 6 {
		t.Errorf("%d answers were lost, want 6", n)
	}
}
