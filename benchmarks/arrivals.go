package bench

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const connections = 64

// Visitors send requests to a site over real HTTP, in turn four reads and a write. Requests
// are due at a fixed rate, even while earlier responses are outstanding.
type visitors struct {
	rate    int
	url     string
	cookies []string
	client  *http.Client
	server  *http.Server
}

func (s *Site) visitors(rate int) (*visitors, error) {
	handler, ok := s.Server.(http.Handler)
	if !ok {
		return nil, fmt.Errorf("%T is not a net/http handler", s.Server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	v := &visitors{
		rate: rate, url: "http://" + listener.Addr().String() + "/", cookies: s.cookies,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}},
		server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute},
	}
	go v.server.Serve(listener) //nolint:errcheck // returns ErrServerClosed after close
	return v, nil
}

func (v *visitors) close() {
	v.client.CloseIdleConnections()
	_ = v.server.Close() // closes connections without waiting for requests
}

// Arrivals are the sorted times of requests. The time of a request starts when it was due, so
// a stall also counts for the requests that had to wait.
type arrivals struct {
	took   []time.Duration
	failed int
}

// at returns a percentile of the times.
func (a *arrivals) at(percent int) time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	return a.took[min(len(a.took)*percent/100, len(a.took)-1)]
}

// arrive sends requests until the channel delivers.
func (v *visitors) arrive(until <-chan time.Time) *arrivals {
	a := &arrivals{}
	var next, failed atomic.Int64
	var over atomic.Bool
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		wg.Go(func() {
			var took []time.Duration
			for !over.Load() {
				i := int(next.Add(1)) - 1
				due := began.Add(time.Duration(i) * time.Second / time.Duration(v.rate))
				time.Sleep(time.Until(due))
				action := Read
				if i%5 == 4 {
					action = Write
				}
				if v.get(v.url+string(rune('a'+int(action))), v.cookies[i*31%len(v.cookies)]) != nil {
					failed.Add(1)
				}
				took = append(took, time.Since(due))
			}
			mu.Lock()
			defer mu.Unlock()
			a.took = append(a.took, took...)
		})
	}
	<-until
	over.Store(true)
	wg.Wait()
	slices.Sort(a.took)
	a.failed = int(failed.Load())
	return a
}

func (v *visitors) get(url, cookie string) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", cookie)
	answer, err := v.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", answer.StatusCode)
	}
	return err
}
