package bench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A Cell holds the samples of a peer for a workload on a store, one per pass.
type Cell struct {
	Store    string    `json:"store"`
	Workload string    `json:"workload"`
	Payload  string    `json:"payload,omitempty"`
	Peer     string    `json:"peer"`
	Skips    string    `json:"skips,omitempty"`
	Samples  []Sample  `json:"samples"`
	Ratios   []float64 `json:"ratios"` // to raw, one per pass
}

// A Plan says what to measure.
type Plan struct {
	Stores    []Store
	Workloads []Workload
	Payload   string // keys x bytes, see [Fill]; "" means the standard session
	Passes    int
	Time      time.Duration // for each peer, workload and pass
	Progress  io.Writer
}

// Measure runs the plan. Within a pass, the peers of a cell run one after the other. Each
// pass begins with a different peer.
func Measure(p Plan) (cells []*Cell, err error) {
	for _, store := range p.Stores {
		fmt.Fprintf(p.Progress, "%s…\n", store.Name)
		more, err := p.measure(store)
		if err != nil {
			return cells, fmt.Errorf("%s: %w", store.Name, err)
		}
		cells = append(cells, more...)
	}
	return cells, nil
}

func (p Plan) measure(store Store) (cells []*Cell, err error) {
	var sites []*Site
	defer func() {
		for _, s := range sites {
			err = errors.Join(err, s.Server.Close())
		}
	}()
	for _, peer := range store.Peers {
		seed := Seed
		if p.Payload != "" {
			seed = Fill
		}
		site, err := NewSite(peer, Sessions, seed, p.Payload)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", peer.Name, err)
		}
		sites = append(sites, site)
	}
	for _, w := range p.Workloads {
		row := make([]*Cell, len(sites))
		for i, peer := range store.Peers {
			row[i] = &Cell{Store: store.Name, Workload: w.Name, Payload: p.Payload, Peer: peer.Name, Skips: peer.Skips}
		}
		cells = append(cells, row...)
	}
	for pass := range p.Passes {
		for wi, w := range p.Workloads {
			row := cells[wi*len(sites) : (wi+1)*len(sites)]
			for turn := range sites {
				i := (turn + pass) % len(sites)
				sample, err := sites[i].Run(w, p.Time)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", row[i].Peer, err)
				}
				row[i].Samples = append(row[i].Samples, sample)
			}
			for _, c := range row {
				c.Ratios = append(c.Ratios, c.Samples[pass].Nanos/row[0].Samples[pass].Nanos)
			}
		}
	}
	return cells, nil
}

// Ratio returns the median, the lowest and the highest ratio to raw.
func (c *Cell) Ratio() (median, low, high float64) {
	r := slices.Sorted(slices.Values(c.Ratios))
	return middle(r), r[0], r[len(r)-1]
}

// Nanos returns the median time of a request.
func (c *Cell) Nanos() float64 { return c.median(func(s Sample) float64 { return s.Nanos }) }

// CPU returns the median CPU time that this process used for a request.
func (c *Cell) CPU() float64 { return c.median(func(s Sample) float64 { return s.CPU }) }

func (c *Cell) median(of func(Sample) float64) float64 {
	var all []float64
	for _, s := range c.Samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return middle(all)
}

// Allocs returns the allocations of a request in the pass with the fewest. Other passes
// include allocations of background work.
func (c *Cell) Allocs() (count, bytes float64) {
	least := slices.MinFunc(c.Samples, func(a, b Sample) int {
		if a.Allocs < b.Allocs {
			return -1
		}
		return 1
	})
	return least.Allocs, least.Bytes
}

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
