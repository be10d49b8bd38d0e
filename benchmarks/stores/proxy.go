package stores

import (
	"net"
	"sync"
	"sync/atomic"
)

// A proxy forwards TCP connections to a server and counts what passes.
type proxy struct {
	listener             net.Listener
	sent, received, trip atomic.Int64
	open                 sync.WaitGroup
}

func newProxy(server string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l}
	p.open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return // closed
			}
			backend, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			// A trip begins with the first bytes that the client sends after an answer.
			var answered atomic.Bool
			answered.Store(true)
			p.open.Go(func() {
				p.copy(backend, client, &p.sent, func() {
					if answered.CompareAndSwap(true, false) {
						p.trip.Add(1)
					}
				})
			})
			p.open.Go(func() { p.copy(client, backend, &p.received, func() { answered.Store(true) }) })
		}
	})
	return p, nil
}

// copy counts before it forwards, so that whoever sees an answer sees its bytes counted.
func (p *proxy) copy(to, from net.Conn, n *atomic.Int64, seen func()) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		read, err := from.Read(buf)
		if read > 0 {
			n.Add(int64(read))
			seen()
			if _, err := to.Write(buf[:read]); err != nil {
				return
			}
		}
		if err != nil { // this side or the other has closed
			return
		}
	}
}

// traffic is a state of the counters.
type traffic struct{ trips, sent, received int64 }

func (p *proxy) traffic() traffic {
	return traffic{p.trip.Load(), p.sent.Load(), p.received.Load()}
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// Close waits until all connections are closed, which their clients must do first.
func (p *proxy) Close() error {
	err := p.listener.Close()
	p.open.Wait()
	return err
}
