package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A proxy injects network faults between a store and its server. Existing proxies for this
// purpose cut a connection after a time or a number of bytes; this one can lose the response
// of a write that took effect.
type proxy struct {
	server   string
	listener net.Listener
	fault    atomic.Value // of type fault

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	all    sync.WaitGroup
}

// A fault is a network fault. The proxy applies it to all traffic.
type fault string

const (
	noFault      fault = "none"
	latency      fault = "latency"             // responses are delayed
	truncated    fault = "truncated responses" // some responses, and their connections, end after a few bytes
	lostResponse fault = "lost responses"      // some connections close instead of delivering a response
	blackHole    fault = "black hole"          // nothing arrives, in either direction
	halfOpen     fault = "half-open"           // the server's side is closed, and the client isn't told
	reset        fault = "reset"               // some connections stall in both directions and are reset later
	refused      fault = "refused"             // the server is down
)

var networkFaults = []fault{latency, truncated, lostResponse, blackHole, halfOpen, reset, refused}

func newProxy(server string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{server: server, listener: l, conns: map[net.Conn]bool{}}
	p.fault.Store(noFault)
	p.all.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// set changes the fault, also for open connections. The fault refused closes them.
// Connections that have lost data stay silent, even after the fault ends.
func (p *proxy) set(f fault) {
	if p.fault.Store(f); f == refused {
		p.drop()
	}
}

// drop closes the open connections.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// close closes the listener and all connections, and waits for their goroutines.
func (p *proxy) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.drop()
	p.all.Wait()
	return err
}

// track registers a connection. It closes the connection and reports false if the proxy has
// been closed.
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) untrack(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if p.fault.Load() == refused {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		if !p.track(client) || !p.track(server) {
			client.Close()
			return
		}
		p.all.Go(func() { p.relay(server, client, false) })
		p.all.Go(func() { p.relay(client, server, true) })
	}
}

// relay copies data in one direction and applies the current fault.
func (p *proxy) relay(to, from net.Conn, responses bool) {
	buf := make([]byte, 32<<10)
	defer p.untrack(to)
	defer func() {
		if p.fault.Load() == halfOpen {
			_, _ = io.Copy(io.Discard, to) // until the other end closes the connection
		}
	}()
	silent := false
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		f := p.fault.Load()
		affected := responses && rand.IntN(8) == 0
		switch {
		case silent:
			continue
		case f == blackHole, f == halfOpen:
			silent = true
			if f == halfOpen && !responses {
				to.Close()
			}
			continue
		case f == latency && responses:
			<-time.After(20*time.Millisecond + rand.N(40*time.Millisecond))
		case f == reset && affected:
			<-time.After(rand.N(300 * time.Millisecond))
			resetConn(from)
			resetConn(to)
			return
		case f == lostResponse && affected:
			from.Close()
			return
		case f == truncated && affected:
			_, _ = to.Write(buf[:min(n, 1+rand.IntN(8))]) // fails if the client has closed the connection
			from.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			from.Close()
			return
		}
	}
}

// resetConn closes a connection with a TCP reset, so that the other end gets an error.
func resetConn(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if the connection is closed
	}
	c.Close()
}
