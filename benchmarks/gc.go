package bench

import (
	"slices"
	"time"
)

// A GC measures the effect of many sessions in memory on the garbage collector, and on reads
// during a sweep.
type GC struct {
	Peer     string          `json:"peer"`
	Sessions int             `json:"sessions"`
	Payload  int             `json:"payload"` // bytes per session
	Heap     float64         `json:"heap"`    // bytes per session, including the payload
	Collect  []time.Duration `json:"collect"` // times of full collections, from all passes
	Sweeps   []Sweep         `json:"sweeps"`
}

// A Sweep measures reads while expired sessions are removed.
type Sweep struct {
	Expired int           `json:"expired"` // percent of all
	Took    time.Duration `json:"took"`    // 0: unknown
	Quiet   time.Duration `json:"quiet"`   // the longest read without a sweep
	Longest time.Duration `json:"longest"` // the longest read during the sweep
}

// Median returns the median time of the collections.
func (g GC) Median() time.Duration {
	sorted := slices.Sorted(slices.Values(g.Collect))
	return sorted[len(sorted)/2]
}
