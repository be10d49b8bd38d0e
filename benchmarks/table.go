package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteTable prints the cells as a table for a terminal. A cell whose median ratio is above
// its goal is marked MISSED.
func WriteTable(w io.Writer, cells []*Cell) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "store\tworkload\tpeer\ttime\tcpu\tratio\tlow\thigh\tallocs\tbytes\tgoal")
	for _, c := range cells {
		ratio, low, high := c.Ratio()
		allocs, bytes := c.Allocs()
		mark := ""
		if goal, ok := Target(c.Store, c.Workload); ok && c.Peer == "session" {
			mark = fmt.Sprintf("≤ %g", goal)
			if ratio > goal {
				mark += " MISSED"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%v\t%.2f\t%.2f\t%.2f\t%.1f\t%.0f\t%s\n", c.Store, c.Workload, c.Peer,
			time.Duration(c.Nanos()), time.Duration(c.CPU()), ratio, low, high, allocs, bytes, mark)
	}
	return t.Flush()
}

// targets are the goals of this library: the highest ratios to raw for W0 to W6.
var targets = map[string][7]float64{
	"memory":               {3, 3, 3, 2, 3, 3, 3},
	"file":                 {3, 1.5, 1.3, 1.3, 1.5, 1.3, 0.5},
	"file, no fsync":       {3, 1.5, 1.3, 1.3, 1.5, 1.3, 0.5},
	"SQLite NORMAL":        {3, 1.2, 1.2, 1.2, 1.2, 0.9, 0.35},
	"SQLite FULL":          {3, 1.2, 1.2, 1.2, 1.2, 0.2, 0.15},
	"PostgreSQL":           {3, 1.3, 1.6, 1.4, 1.2, 1.2, 0.2},
	"PostgreSQL, pgxstore": {3, 1.2, 1.2, 1.2, 0.8, 0.6, 0.15},
	"MariaDB":              {3, 1.6, 1.6, 1.5, 1.1, 1.6, 0.7},
	"Redis":                {3, 1.2, 1.2, 1.2, 0.7, 0.7, 0.45},
	"Redis, AutoPipeline":  {3, 1.2, 1.2, 1.2, 0.7, 0.7, 0.45},
}

// Target returns the goal of a cell, and false if there is none.
func Target(store, workload string) (float64, bool) {
	t, ok := targets[store]
	return t[workload[1]-'0'], ok
}
