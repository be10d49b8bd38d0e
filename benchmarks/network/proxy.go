// Package network puts a slow network between a program and a server on the same machine.
package network

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Proxy passes connections on to a server and delays each direction by half of a round
// trip, like a distant network of unlimited bandwidth. Bytes arrive in order, and those
// that are sent while others are on their way don't wait for them.
type Proxy struct {
	server   string
	listener net.Listener
	oneWay   atomic.Int64 // nanoseconds

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
	all    sync.WaitGroup
}

// NewProxy returns a proxy for the server at host:port. It delays nothing until the first
// call of SetRoundTrip.
func NewProxy(server string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{server: server, listener: l}
	p.all.Go(p.accept)
	return p, nil
}

// Address returns the host:port on which the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// SetRoundTrip sets the delay of a round trip, also for open connections.
func (p *Proxy) SetRoundTrip(d time.Duration) { p.oneWay.Store(int64(d / 2)) }

// Close closes all connections and waits for their goroutines.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, c := range p.conns {
		_ = c.Close() // the other side may have closed it before
	}
	p.mu.Unlock()
	p.all.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close() // which tells the client
			continue
		}
		p.mu.Lock()
		if p.closed {
			_ = errors.Join(client.Close(), server.Close()) // nothing was sent
		} else {
			p.conns = append(p.conns, client, server)
			p.all.Go(func() { p.pass(client, server) })
			p.all.Go(func() { p.pass(server, client) })
		}
		p.mu.Unlock()
	}
}

// A chunk is what one read returned.
type chunk struct {
	bytes []byte
	due   time.Time
}

// underWay limits the chunks on their way in one direction of a connection. A protocol of
// requests and answers has few.
const underWay = 1024

// pass moves bytes from one connection to another until one of them is closed.
func (p *Proxy) pass(from, to net.Conn) {
	chunks, done := make(chan chunk, underWay), make(chan struct{})
	p.all.Go(func() {
		defer close(done)
		deliver(to, chunks)
	})
	defer close(chunks)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			c := chunk{bytes.Clone(buffer[:n]), time.Now().Add(time.Duration(p.oneWay.Load()))}
			select {
			case chunks <- c:
			case <-done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// deliver writes each chunk when it is due, and closes the connection after the last one
// or a failure.
func deliver(to io.WriteCloser, chunks <-chan chunk) {
	defer to.Close()
	timer, err := NewTimer()
	if err != nil {
		return
	}
	defer timer.Close()
	for c := range chunks {
		timer.Wait(c.due)
		if _, err := to.Write(c.bytes); err != nil {
			return
		}
	}
}
