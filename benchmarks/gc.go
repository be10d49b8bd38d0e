package bench

import (
	"slices"
	"time"
)

// A GC is what many sessions in memory cost the garbage collector and those who read
// during a sweep.
type GC struct {
	Peer     string          `json:"peer"`
	Sessions int             `json:"sessions"`
	Payload  int             `json:"payload"` // bytes of each
	Heap     float64         `json:"heap"`    // bytes of each, payload included
	Collect  []time.Duration `json:"collect"` // whole collections, from several passes
	Sweeps   []Sweep         `json:"sweeps"`
}

// A Sweep is the removal of expired sessions while others are read.
type Sweep struct {
	Expired int           `json:"expired"` // percent of all
	Took    time.Duration `json:"took"`    // 0: not known
	Quiet   time.Duration `json:"quiet"`   // the longest read while nothing is removed
	Longest time.Duration `json:"longest"` // the longest read meanwhile
}

// Median returns the median of the collections.
func (g GC) Median() time.Duration {
	sorted := slices.Sorted(slices.Values(g.Collect))
	return sorted[len(sorted)/2]
}
