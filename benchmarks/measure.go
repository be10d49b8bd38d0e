package bench

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	Clients  = 16  // concurrent clients in W4 to W6
	Sessions = 512 // sessions in a store
)

// A Workload is an action and the number of clients that perform it.
type Workload struct {
	Name, What string
	Action     Action
	Clients    int
	OneSession bool
}

// Workloads are W0 to W6.
var Workloads = []Workload{
	{"W0", "untouched", Untouched, 1, false},
	{"W1", "reads a key", Read, 1, false},
	{"W2", "reads and sets a key", Write, 1, false},
	{"W3", "new session", Create, 1, false},
	{"W4", "W1, 16 clients", Read, Clients, false},
	{"W5", "W2, 16 clients", Write, Clients, false},
	{"W6", "W2, 16 clients on one session", Write, Clients, true},
}

// A Sample is a measurement of a peer and a workload in one pass, per request.
type Sample struct {
	Nanos  float64 `json:"nanos"`
	CPU    float64 `json:"cpu"` // nanoseconds of this process
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
}

// A Site is an open server with its sessions.
type Site struct {
	Server  Server
	cookies []string
}

// NewSite opens a peer's server and creates sessions by the action.
func NewSite(p Peer, sessions int, action Action, arg string) (*Site, error) {
	server, err := p.Open()
	if err != nil {
		return nil, err
	}
	s := &Site{Server: server}
	c := server.Client()
	for range sessions {
		status, body, cookie := c.Call(action, "", arg)
		if status != 200 || cookie == "" {
			return nil, fmt.Errorf("seeding: status %d, cookie %q: %s", status, cookie, body)
		}
		s.cookies = append(s.cookies, cookie)
	}
	return s, nil
}

// Run makes requests for a while and returns the averages per request. The time is the
// elapsed time divided by the requests of all clients, so 16 clients that wait for each
// other are no faster than one.
func (s *Site) Run(w Workload, during time.Duration) (Sample, error) {
	if _, err := s.run(w, during/10); err != nil {
		return Sample{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began, used := time.Now(), cpuTime()
	n, err := s.run(w, during)
	took := time.Since(began)
	used = cpuTime() - used
	runtime.ReadMemStats(&after)
	return Sample{
		Nanos:  float64(took.Nanoseconds()) / float64(n),
		CPU:    float64(used.Nanoseconds()) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, err
}

// cpuTime returns the CPU time of this process, which excludes database servers.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (s *Site) run(w Workload, during time.Duration) (requests int, err error) {
	var total, bad atomic.Int64
	var wg sync.WaitGroup
	until := time.Now().Add(during)
	for i := range w.Clients {
		cookies := s.cookies[i*len(s.cookies)/w.Clients : (i+1)*len(s.cookies)/w.Clients]
		switch {
		case w.OneSession:
			cookies = s.cookies[:1]
		case w.Action == Create:
			cookies = []string{""}
		}
		wg.Go(func() {
			c := s.Server.Client()
			n, status := loop(c, w.Action, cookies, until)
			total.Add(int64(n))
			if status != 200 {
				bad.Store(int64(status))
			}
		})
	}
	wg.Wait()
	if code := bad.Load(); code != 0 {
		return 0, fmt.Errorf("%s: a request got status %d, want 200", w.Name, code)
	}
	return int(total.Load()), nil
}

// loop makes requests until a time. To keep the overhead low, it reads the clock only about
// once per millisecond.
func loop(c Client, a Action, cookies []string, until time.Time) (n, status int) {
	next := 0
	for batch := 1; ; {
		began := time.Now()
		for range batch {
			if status := c.Do(a, cookies[next]); status != 200 {
				return n, status
			}
			if next++; next == len(cookies) {
				next = 0
			}
		}
		n += batch
		now := time.Now()
		if !now.Before(until) {
			return n, 200
		}
		if now.Sub(began) < time.Millisecond && batch < 1<<16 {
			batch *= 2
		} else if now.Sub(began) > 4*time.Millisecond && batch > 1 {
			batch /= 2
		}
	}
}
