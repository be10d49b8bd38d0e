package integration

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A frozen is a proxy to a server. It can stop to forward, in both directions, so that
// each side sees the other one hang.
type frozen struct {
	net.Listener
	server string

	mu     sync.Mutex
	conns  []net.Conn
	outage *outage
}

// An outage stops the connections that were opened before it.
type outage struct {
	began   chan struct{} // closed when it begins
	severed bool          // a connection that tries to send is closed
}

func newFrozen(t *testing.T, server string) *frozen {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &frozen{Listener: l, server: server, outage: &outage{began: make(chan struct{})}}
	var all sync.WaitGroup
	all.Go(func() { f.accept(&all) })
	t.Cleanup(func() {
		f.stop()
		all.Wait()
	})
	return f
}

// stop closes all connections and accepts no more.
func (f *frozen) stop() {
	f.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

func (f *frozen) accept(all *sync.WaitGroup) {
	for {
		client, err := f.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", f.server)
		if err != nil {
			client.Close()
			continue
		}
		f.mu.Lock()
		f.conns = append(f.conns, client, server)
		outage := f.outage
		f.mu.Unlock()
		all.Go(func() { carry(server, client, outage) })
		all.Go(func() { carry(client, server, outage) })
	}
}

func carry(to, from net.Conn, outage *outage) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-outage.began:
			if outage.severed {
				return
			}
			_, _ = io.Copy(io.Discard, from) // until one side gives up
			return
		default:
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// freeze stops the open connections, and those that are opened until thaw.
func (f *frozen) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.outage.began)
}

// sever is freeze, but what tries to send something is closed.
func (f *frozen) sever() {
	f.mu.Lock()
	f.outage.severed = true
	f.mu.Unlock()
	f.freeze()
}

// thaw makes new connections work again.
func (f *frozen) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outage = &outage{began: make(chan struct{})}
}

// open returns how many connections were opened.
func (f *frozen) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns) / 2
}

// through makes the data source name lead to the proxy.
func (f *frozen) through(t *testing.T, p *place) {
	if p.driver == "mysql" {
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Addr = f.Addr().String()
		p.dsn = cfg.FormatDSN()
		return
	}
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = f.Addr().String()
	p.dsn = u.String()
}

func serverAddress(t *testing.T, p place) string {
	if p.driver == "mysql" {
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Addr
	}
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// When a server hangs, a call ends at its deadline. The connection is not used again, and no
// call keeps running.
func TestHungServer(t *testing.T) {
	const (
		limit = 200 * time.Millisecond
		slack = time.Minute // for a busy machine; without its deadline, a call would never end
	)
	id := session.ID{1}
	calls := map[string]func(context.Context, sessionStore) error{
		"load": func(ctx context.Context, s sessionStore) error {
			_, err := s.Load(ctx, id)
			return err
		},
		"update": func(ctx context.Context, s sessionStore) error {
			return s.Update(ctx, session.Record{ID: id, Version: 1})
		},
		"create": func(ctx context.Context, s sessionStore) error {
			return s.Create(ctx, session.Record{ID: session.ID{2}})
		},
		"eight loads": func(ctx context.Context, s sessionStore) error {
			return together(8, func(int) error {
				_, err := s.Load(ctx, id)
				return err
			})
		},
		"eight updates": func(ctx context.Context, s sessionStore) error {
			return together(8, func(i int) error {
				return s.Update(ctx, session.Record{ID: session.ID{byte(10 + i)}, Version: 1})
			})
		},
	}
	// lib/pq asks the server to cancel, and waits for the answer.
	each(t, func(d database) bool { return d.driver != "postgres" && !isSQLite(d) }, func(t *testing.T, d database) {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				p := d.place(t)
				cfg := p.table(t, p.connect(t), d.dialect)
				f := newFrozen(t, serverAddress(t, p))
				f.through(t, &p)
				db := p.connect(t)
				s := open(t, db, d.dialect, cfg)
				mustCreate(t, s, session.Record{ID: id, Data: []byte("x")})
				for i := range 8 {
					mustCreate(t, s, session.Record{ID: session.ID{byte(10 + i)}})
				}
				if _, err := s.Load(t.Context(), id); err != nil {
					t.Fatal(err)
				}

				f.freeze()
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				began := time.Now()
				err := call(ctx, s)
				if took := time.Since(began); err == nil || took > limit+slack {
					t.Errorf("got %v after %v, want an error within %v", err, took, limit)
				}
				if isPostgres(d) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the end of the context", err)
				}
				if left := waiting(); left != "" {
					t.Errorf("a call is left:\n%s", left)
				}

				before := f.open()
				f.thaw()
				// Those that hang as well are closed. The check of a connection may open another one.
				await(t, "only connections are idle that were opened since the server works again", func() bool { return idleConns(db) <= f.open()-before })
				// A connection that pgx has opened to cancel a statement counts as well, so one that
				// hangs may still be there, for one load.
				await(t, "a load succeeds", func() bool {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					got, err := s.Load(ctx, id)
					return err == nil && string(got.Data) == "x"
				})
				if f.open() == before {
					t.Error("afterwards: a connection that hung was used")
				}
				// pgx tries for a while to cancel the statement on the server, and the pool
				// waits for that; its Close after the test waits for all connections.
				f.stop()
				await(t, "no connection is in use", func() bool { return db.Stats().InUse == 0 })
			})
		}
	})
}

// The deadline of a call does not affect a later call on the same connection.
func TestDeadlineEndsWithItsCall(t *testing.T) {
	p := postgresSchema("pgx")(t)
	cfg := p.table(t, p.connect(t), sqlstore.PostgreSQL)
	f := newFrozen(t, serverAddress(t, p))
	f.through(t, &p)
	p.conns = 1
	s := open(t, p.connect(t), sqlstore.PostgreSQL, cfg)
	r := session.Record{ID: session.ID{1}, Data: []byte("x")}
	mustCreate(t, s, r)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // enough for two calls on a busy machine
	defer cancel()
	if _, err := s.Load(ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	r.Version = 1
	if err := s.Update(ctx, r); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if got, err := s.Load(t.Context(), r.ID); err != nil || got.Version != 2 {
		t.Errorf("got version %d, %v, want 2", got.Version, err)
	}
	if n := f.open(); n != 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
}

// together calls f concurrently for 0 to n-1. It returns nil if one of the calls
// succeeded.
func together(n int, f func(int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errs[0]
}

// waiting returns the stacks of the goroutines that run a method of a store.
func waiting() string {
	buf := make([]byte, 1<<20)
	var left []string
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "/sqlstore.(*") || strings.Contains(stack, "/pgxstore.(*") {
			left = append(left, stack)
		}
	}
	return strings.Join(left, "\n\n")
}
