// Command bench runs the benchmarks. Without flags, it measures the workloads and prints a
// table. With -write, it updates the measured parts in results.json, README.md and the
// curves, and keeps the results of other parts. With -parts none -write, it only writes
// README.md and the curves from results.json:
//
//	go run ./internal/tools servers --need postgres,mariadb,redis -- \
//		go run ./benchmarks/cmd/bench -parts matrix,anomalies -write
//	go run ./benchmarks/cmd/bench -parts none -write
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/stores"
)

func main() {
	if code, is := stores.Child(); is {
		os.Exit(code)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A job holds the settings from the flags, and the results.
type job struct {
	stores    []bench.Store
	workloads []bench.Workload
	passes    int
	time      time.Duration
	rows      int      // number of sessions in the parts gc and prune
	kinds     []string // kinds of stores in the part prune
	trips     []time.Duration
	dir       string // for the files of stores
	driver    string
	json      bool
	results   bench.Results
}

// A part is a benchmark that can be run by itself.
type part struct {
	name string
	run  func(*job) error
}

// parts are the parts that -parts can name, in the order in which they run.
var parts = []part{
	{"matrix", (*job).matrix},
	{"anomalies", (*job).anomalies},
	{"races", (*job).races},
	{"drivers", (*job).drivers},
	{"latency", (*job).latency},
	{"payload", (*job).payload},
	{"curves", (*job).curves},
	{"scale", (*job).scale},
	{"scale10m", (*job).scale10m},
	{"gc", (*job).gc},
	{"prune", (*job).prune},
	{"processes", (*job).processes},
	{"http", (*job).http},
	{"network", (*job).network},
	{"representations", (*job).representations},
	{"footprint", (*job).footprint},
}

func run() error {
	names := flag.String("stores", "", "comma-separated parts of the names of stores (default all)")
	workloads := flag.String("workloads", "", "comma-separated workloads, such as W1,W5 (default all)")
	peers := flag.String("peers", "", "comma-separated peers, in addition to raw (default all)")
	wanted := flag.String("parts", "matrix", "comma-separated parts to measure: "+partNames()+"; or none")
	kinds := flag.String("kinds", "", "comma-separated stores of the part prune: memory,file,sqlite,postgres (default all)")
	passes := flag.Int("passes", 5, "number of passes")
	during := flag.Duration("time", 200*time.Millisecond, "time that each peer runs each workload in a pass")
	trips := flag.String("trips", "500us,1ms,5ms", "round trips of the part network")
	rows := flag.Int("rows", 1_000_000, "number of sessions in the parts gc and prune")
	asJSON := flag.Bool("json", false, "print the cells of the matrix as JSON")
	write := flag.Bool("write", false, "update README.md, the curves and results.json in benchmarks")
	profile := flag.String("cpuprofile", "", "write a CPU profile to this `file`")
	driver := flag.String("sqlite", "modernc", "SQLite driver: modernc or mattn")
	flag.Parse()

	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j := &job{passes: *passes, time: *during, rows: *rows, dir: dir, driver: *driver, json: *asJSON}
	if *kinds != "" {
		j.kinds = strings.Split(*kinds, ",")
	}
	for text := range strings.SplitSeq(*trips, ",") {
		trip, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("-trips: %w", err)
		}
		j.trips = append(j.trips, trip)
	}
	j.choose(*names, *workloads, *peers)
	home := "benchmarks"
	if *write {
		if j.results, err = bench.ReadResults(filepath.Join(home, "results.json")); err != nil {
			return err
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
	measured, err := j.run(strings.Split(*wanted, ","))
	if err != nil {
		return err
	}
	if !*write {
		return nil
	}
	if measured {
		j.results.Machine = stores.Machine(*driver)
	}
	return publish(home, j.results)
}

// run runs the named parts. It reports whether one of them measured times.
func (j *job) run(names []string) (measured bool, err error) {
	for _, name := range names {
		if name != "none" && !slices.Contains(strings.Split(partNames(), ", "), name) {
			return false, fmt.Errorf("unknown part %q; want one or more of %s, or none", name, partNames())
		}
	}
	for _, p := range parts {
		if !slices.Contains(names, p.name) {
			continue
		}
		load := stores.Load()
		measured = measured || p.name != "races" // which counts writes and measures no times
		if err := p.run(j); err != nil {
			return measured, fmt.Errorf("%s: %w", p.name, err)
		}
		j.results.Runs = bench.Merge(j.results.Runs, []bench.Run{{
			Part: p.name, Date: time.Now().UTC().Format(time.DateOnly), Load: load,
		}}, func(r bench.Run) string { return r.Part })
	}
	return measured, nil
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func (j *job) choose(names, workloads, peers string) {
	for _, s := range stores.All(j.dir, j.driver) {
		if names != "" && !slices.ContainsFunc(strings.Split(names, ","), func(n string) bool {
			return strings.Contains(strings.ToLower(s.Name), strings.ToLower(n))
		}) {
			continue
		}
		if peers != "" {
			s.Peers = slices.DeleteFunc(s.Peers, func(p bench.Peer) bool {
				return p.Name != "raw" && !slices.Contains(strings.Split(peers, ","), p.Name)
			})
		}
		j.stores = append(j.stores, s)
	}
	for _, w := range bench.Workloads {
		if workloads == "" || slices.Contains(strings.Split(workloads, ","), w.Name) {
			j.workloads = append(j.workloads, w)
		}
	}
}

const (
	begin = "<!-- bench: written by make bench -->\n"
	end   = "<!-- /bench -->"
)

// publish writes results.json, README.md and the curves. It updates the table in the README of
// the repository, or prints the table if that README has no markers for it.
func publish(home string, r bench.Results) error {
	if err := r.Write(filepath.Join(home, "results.json")); err != nil {
		return err
	}
	for _, c := range r.Curves {
		if err := os.WriteFile(filepath.Join(home, c.Name+".svg"), []byte(c.SVG()), 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(home, "README.md"), []byte(r.Markdown()), 0o644); err != nil {
		return err
	}
	if err := publishScaling(r); err != nil {
		return err
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	head, rest, ok1 := strings.Cut(string(readme), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		fmt.Print("README.md has no markers for the table. The table is:\n\n", begin, r.Summary(), end, "\n")
		return nil
	}
	return os.WriteFile("README.md", []byte(head+begin+r.Summary()+end+tail), 0o644)
}

// publishScaling updates the tables in docs/scaling.md.
func publishScaling(r bench.Results) error {
	const name = "docs/scaling.md"
	old, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	text, err := r.Scaling(string(old))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(text), 0o644)
}
