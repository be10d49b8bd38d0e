package bench

import "time"

// A Latency is the time of requests that arrive at a fixed rate over real HTTP. The time of a
// request starts when it was due, so a stall also counts for the requests that had to wait.
type Latency struct {
	Store  string `json:"store"`
	Peer   string `json:"peer"`
	Rate   int    `json:"rate"` // requests per second
	Median time.Duration
	P99    time.Duration
	Max    time.Duration
	Failed int
}

// MeasureLatency sends four reads and a write in turn to [Sessions] sessions.
func MeasureLatency(store string, p Peer, rate int, during time.Duration) (l Latency, err error) {
	l.Store, l.Peer, l.Rate = store, p.Name, rate
	site, err := NewSite(p, Sessions, Seed, "")
	if err != nil {
		return l, err
	}
	defer site.Server.Close()
	visitors, err := site.visitors(rate)
	if err != nil {
		return l, err
	}
	defer visitors.close()
	a := visitors.arrive(time.After(during))
	l.Median, l.P99, l.Max, l.Failed = a.at(50), a.at(99), a.at(100), a.failed
	return l, nil
}
