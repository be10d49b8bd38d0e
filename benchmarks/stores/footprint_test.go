package stores

import (
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// A footprint of every store that needs no server has all its figures.
func TestFootprints(t *testing.T) {
	for _, name := range []string{"SESSION_TEST_POSTGRES", "SESSION_TEST_MYSQL", "SESSION_TEST_REDIS"} {
		t.Setenv(name, "")
	}
	all, err := Footprints(t.TempDir(), "modernc", 2000, 1, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 3 {
		t.Fatalf("got %d footprints, want 3: %+v", len(all), all)
	}
	for _, f := range all {
		if f.Stored < float64(f.Data) || f.Stored > 20*float64(f.Data) || f.Reads.Client[0] <= 0 || f.Writes.Client[0] <= f.Reads.Client[0] {
			t.Errorf("%+v", f)
		}
		// SQLite logs at least one page for each commit.
		if f.Engine == "SQLite FULL" && (f.Update.LogFirst < 4096 || f.Touch.LogLater < 4096 || f.Create.LogLater < 4096) {
			t.Errorf("%+v", f)
		}
	}
}

func TestProxyCounts(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		c, err := server.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 10)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			c.Write([]byte("abc"))
		}
	}()
	p, err := newProxy(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for range 2 { // in two pieces
			c.Write([]byte("01234"))
		}
		if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.traffic(), (traffic{trips: 3, sent: 30, received: 9}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c.Close()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// The processor time of this process, whose parent is known, grows with its work.
func TestProcessorTimeOfAProcess(t *testing.T) {
	s, err := processStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.parent != os.Getppid() {
		t.Errorf("parent %d, want %d", s.parent, os.Getppid())
	}
	before, err := familyCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for used := before; used < before+50*time.Millisecond; { // ends, because the loop itself takes time
		if used, err = familyCPU(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
}
