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
	Rate      int           `json:"rate"` // requests a second
	P50       time.Duration `json:"p50"`
	P90       time.Duration `json:"p90"`
	P99       time.Duration `json:"p99"`
	Failed    int           `json:"failed"`
}

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

// calmRate is the number of requests a second that no store is saturated by.
const calmRate = 500

// MeasureNetwork runs the plan. In a pass, the peers take turns, and each pass begins with
// a different one. The rate that saturates a store is a quarter above the one at which raw
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
				rate = int(1.25e9 / sample.Nanos)
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

func (p NetworkPlan) measure(sites []*Site, w Workload, rate int) (row []Network, err error) {
	times := make([]arrivals, len(sites))
	for pass := range p.Passes {
		for turn := range sites {
			i := (turn + pass) % len(sites)
			if err := times[i].add(sites[i], w.Action, rate, p.Time); err != nil {
				return nil, fmt.Errorf("%s: %w", p.Peers[i].Name, err)
			}
		}
	}
	for i, peer := range p.Peers {
		t := &times[i]
		slices.Sort(t.took)
		row = append(row, Network{
			Store: p.Store, Peer: peer.Name, Skips: peer.Skips, RoundTrip: p.RoundTrip, Workload: w.Name,
			Rate: rate, P50: t.at(50), P90: t.at(90), P99: t.at(99), Failed: t.failed,
		})
	}
	return row, nil
}

// add sends requests in this process, each on a goroutine of its own, and adds their times.
func (a *arrivals) add(s *Site, action Action, rate int, during time.Duration) error {
	timer, err := network.NewTimer()
	if err != nil {
		return err
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
	a.took = append(a.took, took...)
	a.failed += int(failed.Load())
	return nil
}

const networkText = `Between the program and the server, a proxy delays each direction by half of a round trip.
Requests are made in-process and arrive at a fixed rate; the time of a request starts when
it was due. Each peer has a pool of 16 connections. *below* is 500 requests a second. *in*
is saturation: a quarter more requests than raw can answer. How long they take then depends
on how long the run is, which is the same for all peers.

For raw, the table shows the time that a half, 90 % and 99 % of the requests take at most;
for the others, the ratio to raw. The goals of this library are a ratio of 1.1 below
saturation, and of 1 in it, at 50 % and at 99 %. A ratio that reaches its goal is bold; the
others of this library are marked MISSED.

`

// networkGoal is the highest ratio to raw that this library aims for.
func (n Network) goal() float64 {
	if n.Saturated {
		return 1
	}
	return 1.1
}

// Is reports whether the peer is this library.
func (n Network) isOurs() bool { return strings.HasPrefix(n.Peer, ours) }

// raw returns the measurement of raw beside n.
func (r Results) networkRaw(n Network) Network {
	n.Peer = "raw"
	i := slices.IndexFunc(r.Network, func(o Network) bool { return o.Key() == n.Key() })
	if i < 0 {
		return Network{}
	}
	return r.Network[i]
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
		load := "below"
		if n.Saturated {
			load = "in"
		}
		fmt.Fprintf(b, "| %s | %v | %s | %s | %d | %s ", n.Store, n.RoundTrip, n.Workload, load, n.Rate, n.Peer)
		raw := r.networkRaw(n)
		for i, pair := range [][2]time.Duration{{n.P50, raw.P50}, {n.P90, raw.P90}, {n.P99, raw.P99}} {
			fmt.Fprintf(b, "| %s ", n.percentile(pair[0], pair[1], i != 1))
		}
		fmt.Fprintf(b, "| %d |\n", n.Failed)
	}
}

// percentile renders a percentile beside that of raw.
func (n Network) percentile(mine, raw time.Duration, hasGoal bool) string {
	if n.Peer == "raw" {
		return duration(float64(mine))
	}
	ratio := float64(mine) / float64(raw)
	switch {
	case !n.isOurs() || !hasGoal:
		return short(ratio)
	case ratio > n.goal():
		return short(ratio) + " MISSED"
	}
	return "**" + short(ratio) + "**"
}
