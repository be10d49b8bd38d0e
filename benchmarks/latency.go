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

// A Latency is what requests take that arrive at a fixed rate over real HTTP. The
// time counts from when a request was due, so that a stall shows in all that had to
// wait for it.
type Latency struct {
	Store  string `json:"store"`
	Peer   string `json:"peer"`
	Rate   int    `json:"rate"` // requests per second
	Median time.Duration
	P99    time.Duration
	Max    time.Duration
	Failed int
}

const connections = 64

// MeasureLatency sends four reads and one write in turn, over as many sessions.
func MeasureLatency(store string, p Peer, rate int, during time.Duration) (l Latency, err error) {
	l.Store, l.Peer, l.Rate = store, p.Name, rate
	site, err := NewSite(p, Sessions, Seed, "")
	if err != nil {
		return l, err
	}
	defer site.Server.Close()
	handler, ok := site.Server.(http.Handler)
	if !ok {
		return l, fmt.Errorf("%s has no net/http handler", p.Name)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return l, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go server.Serve(listener) //nolint:errcheck // ends with Close below
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()

	n := int(during.Seconds() * float64(rate))
	took := make([]time.Duration, n)
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range connections {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
				time.Sleep(time.Until(due))
				a := Read
				if i%5 == 4 {
					a = Write
				}
				url := "http://" + listener.Addr().String() + "/" + string(rune('a'+int(a)))
				if get(client, url, site.cookies[i*31%len(site.cookies)]) != nil {
					failed.Add(1)
				}
				took[i] = time.Since(due)
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	l.Median, l.P99, l.Max, l.Failed = took[n/2], took[n*99/100], took[n-1], int(failed.Load())
	return l, nil
}

func get(c *http.Client, url, cookie string) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", cookie)
	answer, err := c.Do(r)
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
