package bench

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"
)

// A Scale is what calls of a store take in a table of that many rows.
type Scale struct {
	Store     string `json:"store"`
	Rows      int    `json:"rows"`
	Load      time.Duration
	Commit    time.Duration // with its load
	ListOwner time.Duration // of two sessions
	PruneNone time.Duration // finds nothing
	PruneEach time.Duration // of 1000 that it deletes
}

// Results are all that was measured, by parts, which may come from several runs.
type Results struct {
	Machine   map[string]string `json:"machine"`
	Cells     []*Cell           `json:"cells"`
	Payload   []*Cell           `json:"payload"`
	Anomalies []Anomaly         `json:"anomalies"`
	Races     []Race            `json:"races"`
	Latency   []Latency         `json:"latency"`
	Curves    []Curve           `json:"curves"`
	Scale     []Scale           `json:"scale"`
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
