package network_test

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/expanse-go/session/benchmarks/network"
)

// through returns both ends of a connection through a proxy.
func through(t *testing.T) (p *network.Proxy, client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if p, err = network.NewProxy(l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if client, err = net.Dial("tcp", p.Address()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return p, client, server
}

// A round trip takes at least as long as the proxy was told. How much longer depends on
// the machine; the benchmark reports it.
func TestProxyDelays(t *testing.T) {
	p, client, server := through(t)
	go func() { _, _ = io.Copy(server, server) }() // until the end closes it
	for _, d := range []time.Duration{0, 500 * time.Microsecond, 20 * time.Millisecond} {
		p.SetRoundTrip(d)
		began := time.Now()
		if _, err := client.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(client, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		t.Logf("a round trip of %v took %v", d, took)
		if took < d {
			t.Errorf("took %v, want at least %v", took, d)
		}
	}
}

// All bytes arrive in order, and then the end of the connection.
func TestProxyKeepsTheOrder(t *testing.T) {
	p, client, server := through(t)
	p.SetRoundTrip(time.Millisecond)
	sent := make([]byte, 1<<20)
	for i := range sent {
		sent[i] = byte(i * i >> 8)
	}
	go func() {
		for part := range bytes.SplitAfterSeq(sent, []byte{7}) {
			_, _ = client.Write(part) // the test compares what arrives
		}
		client.Close()
	}()
	got, err := io.ReadAll(server)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes (%v), want the %d that were sent", len(got), err, len(sent))
	}
}

// Close ends open connections.
func TestProxyCloses(t *testing.T) {
	p, client, _ := through(t)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}
