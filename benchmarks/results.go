package bench

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// A Scale is the time of store calls on a table with a number of rows.
type Scale struct {
	Store     string        `json:"store"`
	Rows      int           `json:"rows"`
	Fill      time.Duration // of the table and its indexes, in bulk without the store
	Load      time.Duration
	Commit    time.Duration // including the load
	ListOwner time.Duration // of an owner with two sessions
	PruneNone time.Duration // without expired sessions
	PruneEach time.Duration // per session, for 1000 expired sessions
}

// A Run records when a part was measured and how busy the machine was before. Other work on
// the machine affects times, but hardly affects ratios.
type Run struct {
	Part string  `json:"part"`
	Date string  `json:"date"`
	Load float64 `json:"load"` // load average of the last minute
}

// Results are the results of all parts. The parts may come from different runs.
type Results struct {
	Machine   map[string]string `json:"machine"`
	Cells     []*Cell           `json:"cells"`
	Payload   []*Cell           `json:"payload"`
	Drivers   []*Cell           `json:"drivers"`
	Anomalies []Anomaly         `json:"anomalies"`
	Races     []Race            `json:"races"`
	Latency   []Latency         `json:"latency"`
	Curves    []Curve           `json:"curves"`
	Scale     []Scale           `json:"scale"`
	GC        []GC              `json:"gc"`
	Prune     []Prune           `json:"prune"`
	Processes []Processes       `json:"processes"`

	Representations []Representation `json:"representations"`

	Loopback []Loopback `json:"loopback"`
	Network  []Network  `json:"network"`

	Footprints []Footprint `json:"footprints"`

	Runs []Run `json:"runs"`
}

// ReadResults reads the results of earlier runs. They are empty if there is no such file.
func ReadResults(name string) (r Results, err error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	return r, err
}

// Write writes the results for later runs.
func (r Results) Write(name string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(data, '\n'), 0o644)
}

// Merge returns old with fresh added: an element replaces the one with the same key, or is
// appended.
func Merge[T any](old, fresh []T, key func(T) string) []T {
	all := slices.Clone(old)
	for _, f := range fresh {
		if i := slices.IndexFunc(all, func(o T) bool { return key(o) == key(f) }); i >= 0 {
			all[i] = f
		} else {
			all = append(all, f)
		}
	}
	return all
}

// Replace returns old with all cells of the stores in cells replaced by cells.
func Replace(old, cells []*Cell) []*Cell {
	fresh := make(map[string][]*Cell)
	for _, c := range cells {
		fresh[c.Store] = append(fresh[c.Store], c)
	}
	var all []*Cell
	placed := make(map[string]bool)
	for _, c := range append(old[:len(old):len(old)], cells...) {
		switch {
		case fresh[c.Store] == nil:
			all = append(all, c)
		case !placed[c.Store]:
			all = append(all, fresh[c.Store]...)
			placed[c.Store] = true
		}
	}
	return all
}
