// Command bench runs the benchmarks. Without flags it measures and prints the table
// of workloads; with -write it updates README.md, the curves and results.json, each
// part by itself, and leaves what other runs have measured. With -parts none it only
// writes, from results.json:
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

// A job is what the flags ask for.
type job struct {
	stores    []bench.Store
	workloads []bench.Workload
	passes    int
	time      time.Duration
	rows      int      // of the parts with many sessions
	kinds     []string // of stores in the part prune
	dir       string   // for files of the stores
	driver    string
	json      bool
	results   bench.Results
}

// A part is something to measure by itself.
type part struct {
	name string
	run  func(*job) error
}

// parts are what -parts can name, in the order in which they run.
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
	{"representations", (*job).representations},
}

func run() error {
	names := flag.String("stores", "", "the stores, by parts of their names, separated by commas; default all")
	workloads := flag.String("workloads", "", "the workloads, such as W1,W5; default all")
	peers := flag.String("peers", "", "the peers beside raw; default all")
	wanted := flag.String("parts", "matrix", "what to measure: "+partNames()+"; or none")
	kinds := flag.String("kinds", "", "the stores of the part prune: memory,file,sqlite,postgres; default all")
	passes := flag.Int("passes", 5, "how often each cell is measured")
	during := flag.Duration("time", 200*time.Millisecond, "how long one peer runs in one cell of one pass")
	rows := flag.Int("rows", 1_000_000, "how many sessions there are in the parts gc and prune")
	asJSON := flag.Bool("json", false, "print the cells of the matrix as JSON")
	write := flag.Bool("write", false, "update the README, the curves and results.json of the benchmarks")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the whole run")
	driver := flag.String("sqlite", "modernc", "the driver of SQLite: modernc or mattn")
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

// run runs the parts of these names, and tells whether they measured times.
func (j *job) run(names []string) (measured bool, err error) {
	for _, name := range names {
		if name != "none" && !slices.Contains(strings.Split(partNames(), ", "), name) {
			return false, fmt.Errorf("there is no part %q; know %s", name, partNames())
		}
	}
	for _, p := range parts {
		if !slices.Contains(names, p.name) {
			continue
		}
		load := stores.Load()
		measured = measured || p.name != "races" // which counts, and takes no time
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

// publish writes what readers see. The README of the repository gets its table only
// if it has the marks for it.
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
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return err
	}
	head, rest, ok1 := strings.Cut(string(readme), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		fmt.Print("README.md has no marks for the table; it is:\n\n", begin, r.Summary(), end, "\n")
		return nil
	}
	return os.WriteFile("README.md", []byte(head+begin+r.Summary()+end+tail), 0o644)
}
