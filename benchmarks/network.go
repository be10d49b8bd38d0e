package bench

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session/benchmarks/network"
)

// A Network is the time of requests of one peer whose server is a round trip away. They
// arrive at a fixed rate, and the time of a request starts when it was due.
type Network struct {
	Store     string        `json:"store"`
	Peer      string        `json:"peer"`
	Skips     string        `json:"skips,omitempty"`
	RoundTrip time.Duration `json:"round_trip"`
	Workload  string        `json:"workload"` // W1 or W2
	Saturated bool          `json:"saturated"`
	Rate      int           `json:"rate"` // requests per second
	Passes    []NetworkPass `json:"passes"`
}

// A NetworkPass has the times that 50, 90 and 99 % of the requests of a pass took at most.
type NetworkPass struct {
	Times  [3]time.Duration `json:"times"`
	Failed int              `json:"failed"`
}

var percents = [3]int{50, 90, 99}

// Key tells measurements apart.
func (n Network) Key() string {
	return fmt.Sprint(n.Store, "/", n.RoundTrip, "/", n.Workload, "/", n.Saturated, "/", n.Peer)
}

// A NetworkPlan says what MeasureNetwork measures.
type NetworkPlan struct {
	Store     string
	Peers     []Peer // raw first
	RoundTrip time.Duration
	Workloads []Workload // of which W1 and W2 are measured
	Passes    int
	Time      time.Duration // for each peer and rate in a pass
	Progress  func(string)
}

// calmRate is the number of requests per second that no store is saturated by.
const calmRate = 500

// MeasureNetwork runs the plan. In a pass, the peers take turns, and each pass begins with
// a different one. The rate that saturates a store is half above the one at which raw
// answers as many clients as would use its pool twice.
func MeasureNetwork(p NetworkPlan) (all []Network, err error) {
	var sites []*Site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.Server.Close())
		}
	}()
	for _, peer := range p.Peers {
		site, err := NewSite(peer, Sessions, Seed, "")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", peer.Name, err)
		}
		sites = append(sites, site)
		crowd := Workload{Name: "warming up", Action: Write, Clients: 2 * Clients}
		if _, err := site.run(crowd, p.Time/4); err != nil { // which opens all connections of the pool
			return nil, fmt.Errorf("%s: %w", peer.Name, err)
		}
	}
	for _, w := range p.Workloads {
		if w.Name != "W1" && w.Name != "W2" {
			continue
		}
		crowd := w
		crowd.Clients = 2 * Clients
		sample, err := sites[0].Run(crowd, p.Time/2)
		if err != nil {
			return nil, err
		}
		for _, saturated := range []bool{false, true} {
			rate := calmRate
			if saturated {
				rate = int(1.5e9 / sample.Nanos)
			}
			p.Progress(fmt.Sprintf("%s, round trip %v, %s, %d requests/s…", p.Store, p.RoundTrip, w.What, rate))
			row, err := p.measure(sites, w, rate)
			if err != nil {
				return nil, err
			}
			for i := range row {
				row[i].Saturated = saturated
			}
			all = append(all, row...)
		}
	}
	return all, nil
}

func (p NetworkPlan) measure(sites []*Site, w Workload, rate int) ([]Network, error) {
	row := make([]Network, len(sites))
	for i, peer := range p.Peers {
		row[i] = Network{Store: p.Store, Peer: peer.Name, Skips: peer.Skips, RoundTrip: p.RoundTrip, Workload: w.Name, Rate: rate}
	}
	for pass := range p.Passes {
		for turn := range sites {
			i := (turn + pass) % len(sites)
			a, err := sites[i].arrive(w.Action, rate, p.Time)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", row[i].Peer, err)
			}
			done := NetworkPass{Failed: a.failed}
			for k, percent := range percents {
				done.Times[k] = a.at(percent)
			}
			row[i].Passes = append(row[i].Passes, done)
		}
	}
	return row, nil
}

// arrive sends requests in this process, each on a goroutine of its own.
func (s *Site) arrive(action Action, rate int, during time.Duration) (*arrivals, error) {
	timer, err := network.NewTimer()
	if err != nil {
		return nil, err
	}
	defer timer.Close()
	clients := sync.Pool{New: func() any { return s.Server.Client() }}
	var failed atomic.Int64
	var wg sync.WaitGroup
	took := make([]time.Duration, int(during.Seconds()*float64(rate)))
	began := time.Now()
	for i := range took {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		timer.Wait(due)
		wg.Go(func() {
			c := clients.Get().(Client)
			defer clients.Put(c)
			if c.Do(action, s.cookies[i*31%len(s.cookies)]) != 200 {
				failed.Add(1)
			}
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	slices.Sort(took)
	return &arrivals{took: took, failed: int(failed.Load())}, nil
}

const networkText = `Between the program and the server, a proxy delays each direction by half of a round trip.
Requests are made in-process and arrive at a fixed rate; the time of a request starts when
it was due. Each peer has a pool of 16 connections. *below* is 500 requests per second. *in*
is saturation: half more requests than raw can answer. How long they take then depends
on how long the run is, which is the same for all peers.

For raw, the table shows the time that 50 %, 90 % and 99 % of the requests take at most; for
the others, the ratio to raw: all are the median of the passes. The goals of this library
are a ratio of 1.1 below saturation, and of 1 in it, at 50 % and at 99 %. A ratio that
reaches its goal is bold; the others are marked MISSED.

`

// networkRaw returns the measurement of raw beside n.
func (r Results) networkRaw(n Network) *Network {
	n.Peer = "raw"
	i := slices.IndexFunc(r.Network, func(o Network) bool { return o.Key() == n.Key() })
	if i < 0 || len(r.Network[i].Passes) != len(n.Passes) {
		return nil
	}
	return &r.Network[i]
}

// NetworkTable returns the table of the part network.
func (r Results) NetworkTable() string {
	var b strings.Builder
	r.network(&b)
	return b.String()
}

func (r Results) network(b *strings.Builder) {
	b.WriteString("| store | round trip | workload | saturation | requests/s | | 50 % | 90 % | 99 % | failed |\n|---|---:|---|---|---:|---|---:|---:|---:|---:|\n")
	for _, n := range r.Network {
		raw := r.networkRaw(n)
		if raw == nil {
			continue
		}
		load, failed := "below", 0
		if n.Saturated {
			load = "in"
		}
		for _, p := range n.Passes {
			failed += p.Failed
		}
		fmt.Fprintf(b, "| %s | %v | %s | %s | %d | %s ", n.Store, n.RoundTrip, n.Workload, load, n.Rate, n.Peer)
		for k := range percents {
			fmt.Fprintf(b, "| %s ", n.text(k, raw))
		}
		fmt.Fprintf(b, "| %d |\n", failed)
	}
}

// text returns the percentile k as the table shows it.
func (n Network) text(k int, raw *Network) string {
	times, ratios := make([]float64, len(n.Passes)), make([]float64, len(n.Passes))
	for i, p := range n.Passes {
		times[i] = float64(p.Times[k])
		ratios[i] = times[i] / float64(raw.Passes[i].Times[k])
	}
	ratio := median(ratios)
	goal := 1.1
	if n.Saturated {
		goal = 1
	}
	switch {
	case n.Peer == "raw":
		return duration(median(times))
	case !strings.HasPrefix(n.Peer, ours) || percents[k] == 90:
		return short(ratio)
	case ratio > goal:
		return short(ratio) + " MISSED"
	}
	return "**" + short(ratio) + "**"
}
