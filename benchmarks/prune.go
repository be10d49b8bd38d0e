package bench

import (
	"fmt"
	"net/http"
	"time"
)

// A Prune is the latency of requests while several replicas prune a store, half of whose
// sessions have expired.
type Prune struct {
	Store    string        `json:"store"`
	Rows     int           `json:"rows"`
	Replicas int           `json:"replicas"`
	Rate     int           `json:"rate"` // requests per second
	Took     time.Duration `json:"took"`
	Removed  []int         `json:"removed"` // by each replica

	Before PruneLatency `json:"before"` // without pruning
	During PruneLatency `json:"during"`
}

// A PruneLatency is the latency of requests that arrive at a fixed rate over real HTTP.
type PruneLatency struct {
	Median, P99, Max time.Duration
	Requests, Failed int
}

// MeasurePrune serves requests at p.Rate, first without pruning and then until prune returns.
// prune returns how many sessions each replica removed.
func MeasurePrune(p Prune, server Server, before time.Duration, prune func() ([]int, error)) (Prune, error) {
	if _, ok := server.(http.Handler); !ok {
		return p, fmt.Errorf("%s is not a net/http handler", p.Store)
	}
	site, err := NewSite(Peer{Open: func() (Server, error) { return server, nil }}, Sessions, Seed, "")
	if err != nil {
		return p, err
	}
	v, err := site.visitors(p.Rate)
	if err != nil {
		return p, err
	}
	defer v.close()
	p.Before = v.arrive(time.After(before)).prune()
	began := time.Now()
	over := make(chan time.Time, 1)
	go func() {
		p.Removed, err = prune()
		p.Took = time.Since(began)
		over <- time.Time{}
	}()
	p.During = v.arrive(over).prune()
	return p, err
}

func (a *arrivals) prune() PruneLatency {
	return PruneLatency{Median: a.at(50), P99: a.at(99), Max: a.at(100), Requests: len(a.took), Failed: a.failed}
}
