package bench

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// A Scale is what calls of a store take in a table of that many rows.
type Scale struct {
	Store     string        `json:"store"`
	Rows      int           `json:"rows"`
	Fill      time.Duration // of the table and its indexes, not by the store
	Load      time.Duration
	Commit    time.Duration // with its load
	ListOwner time.Duration // of two sessions
	PruneNone time.Duration // finds nothing
	PruneEach time.Duration // of 1000 that it deletes
}

// A Run tells when a part was measured, and how busy the machine was before: what
// others do at the same time, times show and ratios hardly.
type Run struct {
	Part string  `json:"part"`
	Date string  `json:"date"`
	Load float64 `json:"load"` // average of the last minute
}

// Results are all that was measured, by parts, which may come from several runs.
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

	Runs []Run `json:"runs"`
}

// ReadResults reads what earlier runs have written.
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

// Merge puts what is new in the place of what has the same key, and the rest behind.
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

// Replace puts new cells in place of those of the same stores.
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
