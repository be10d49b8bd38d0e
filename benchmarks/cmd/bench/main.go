// Command bench runs the benchmarks; see README.md beside the module.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/stores"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	names := flag.String("stores", "", "the stores to measure, by parts of their names, separated by commas; default all")
	workloads := flag.String("workloads", "", "the workloads, such as W1,W5; default all")
	only := flag.String("peers", "", "the peers beside raw; default all")
	passes := flag.Int("passes", 5, "how often each cell is measured")
	during := flag.Duration("time", 200*time.Millisecond, "how long one peer runs in one cell of one pass")
	asJSON := flag.Bool("json", false, "print all samples as JSON")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run")
	driver := flag.String("sqlite", "modernc", "the driver of SQLite: modernc or mattn")
	flag.Parse()

	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	plan := bench.Plan{Passes: *passes, Time: *during, Progress: os.Stderr}
	for _, s := range stores.All(dir, *driver) {
		if *names == "" || slices.ContainsFunc(strings.Split(*names, ","), func(n string) bool {
			return strings.Contains(strings.ToLower(s.Name), strings.ToLower(n))
		}) {
			if *only != "" {
				s.Peers = slices.DeleteFunc(s.Peers, func(p bench.Peer) bool {
					return p.Name != "raw" && !slices.Contains(strings.Split(*only, ","), p.Name)
				})
			}
			plan.Stores = append(plan.Stores, s)
		}
	}
	for _, w := range bench.Workloads {
		if *workloads == "" || slices.Contains(strings.Split(*workloads, ","), w.Name) {
			plan.Workloads = append(plan.Workloads, w)
		}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	cells, err := bench.Measure(plan)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(os.Stdout).Encode(cells)
	}
	return bench.WriteTable(os.Stdout, cells)
}
