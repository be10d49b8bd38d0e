package main

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A proxy stands between a store and its server, and is the bad network. It is not
// one of the known proxies for this, because those cut a connection by time or by
// bytes, and what matters here is to lose the answer of a write that took place.
type proxy struct {
	server   string
	listener net.Listener
	weather  atomic.Value // of type weather

	mu    sync.Mutex
	conns map[net.Conn]bool
	ended bool
	all   sync.WaitGroup
}

// weather is what the network does to everything that passes.
type weather string

const (
	fair     weather = "fair"
	slow     weather = "latency"           // answers come late
	cut      weather = "cut in mid-answer" // some answers end after a few bytes, and so does the connection
	lost     weather = "lost answers"      // some answers do not come, and the connection ends
	hole     weather = "black hole"        // nothing arrives any more, in either direction
	halfOpen weather = "half-open"         // the server has gone, and nobody says so
	reset    weather = "reset"             // some connections fall silent in both directions, and are reset later
	refused  weather = "refused"           // the server is down
)

var storms = []weather{slow, cut, lost, hole, halfOpen, reset, refused}

func newProxy(server string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{server: server, listener: l, conns: map[net.Conn]bool{}}
	p.weather.Store(fair)
	p.all.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// set changes the weather, for connections that are open as well. When the server goes
// down they end. Those whose bytes were swallowed stay silent even in fair weather.
func (p *proxy) set(w weather) {
	if p.weather.Store(w); w == refused {
		p.drop()
	}
}

// drop ends the connections that are open.
func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// close ends everything and waits for it.
func (p *proxy) close() error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.drop()
	p.all.Wait()
	return err
}

// own registers a connection; it fails if the proxy has ended.
func (p *proxy) own(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) disown(c net.Conn) {
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
		if p.weather.Load() == refused {
			client.Close()
			continue
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil {
			client.Close()
			continue
		}
		if !p.own(client) || !p.own(server) {
			client.Close()
			return
		}
		p.all.Go(func() { p.carry(server, client, false) })
		p.all.Go(func() { p.carry(client, server, true) })
	}
}

// carry copies from one side to the other, in the weather of the moment.
func (p *proxy) carry(to, from net.Conn, answers bool) {
	buf := make([]byte, 32<<10)
	defer p.disown(to)
	defer func() {
		if p.weather.Load() == halfOpen {
			_, _ = io.Copy(io.Discard, to) // until the other end gives up
		}
	}()
	swallowed := false
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w := p.weather.Load()
		struck := answers && rand.IntN(8) == 0
		switch {
		case swallowed:
			continue
		case w == hole, w == halfOpen:
			swallowed = true
			if w == halfOpen && !answers {
				to.Close()
			}
			continue
		case w == slow && answers:
			<-time.After(20*time.Millisecond + rand.N(40*time.Millisecond))
		case w == reset && struck:
			<-time.After(rand.N(300 * time.Millisecond))
			cutOff(from)
			cutOff(to)
			return
		case w == lost && struck:
			from.Close()
			return
		case w == cut && struck:
			_, _ = to.Write(buf[:min(n, 1+rand.IntN(8))]) // the last thing that it does
			from.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			from.Close()
			return
		}
	}
}

// cutOff ends a connection by a reset: what the other end sends, or waits for, is an
// error to it.
func cutOff(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails if it has ended
	}
	c.Close()
}
