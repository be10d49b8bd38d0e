// Command bench runs the benchmarks. Without flags it measures and prints the table
// of workloads; with -write it updates README.md, the curves and results.json, each
// part by itself. With -parts none it only writes, from results.json:
//
//	go run ./internal/tools servers --need postgres,mariadb,redis -- \
//		go run ./benchmarks/cmd/bench -parts matrix,anomalies -write
//	go run ./benchmarks/cmd/bench -parts none -write
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/race"
	"github.com/expanse-go/session/benchmarks/stores"
)

func main() {
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
	rows      int
	dir       string // for files of the stores
	driver    string
	json      bool
	results   bench.Results
}

// parts are what -parts can name, in the order in which they run.
var parts = []struct {
	name string
	run  func(*job) error
}{
	{"matrix", (*job).matrix},
	{"anomalies", (*job).anomalies},
	{"races", (*job).races},
	{"latency", (*job).latency},
	{"payload", (*job).payload},
	{"curves", (*job).curves},
	{"scale", (*job).scale},
}

func run() error {
	names := flag.String("stores", "", "the stores, by parts of their names, separated by commas; default all")
	workloads := flag.String("workloads", "", "the workloads, such as W1,W5; default all")
	peers := flag.String("peers", "", "the peers beside raw; default all")
	wanted := flag.String("parts", "matrix", "what to measure: matrix, anomalies, races, latency, payload, curves, scale; or none")
	passes := flag.Int("passes", 5, "how often each cell is measured")
	during := flag.Duration("time", 200*time.Millisecond, "how long one peer runs in one cell of one pass")
	rows := flag.Int("rows", 1_000_000, "the longest table of the part scale")
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
	measured := false
	for _, p := range parts {
		if !slices.Contains(strings.Split(*wanted, ","), p.name) {
			continue
		}
		measured = measured || p.name != "races" // which counts, and takes no time
		if err := p.run(j); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !*write {
		return nil
	}
	if measured {
		j.results.Machine = stores.Machine(*driver)
	}
	return publish(home, j.results)
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

func (j *job) matrix() error {
	cells, err := bench.Measure(bench.Plan{Stores: j.stores, Workloads: j.workloads, Passes: j.passes, Time: j.time, Progress: os.Stderr})
	if err != nil {
		return err
	}
	j.results.Cells = bench.Replace(j.results.Cells, cells)
	if j.json {
		return json.NewEncoder(os.Stdout).Encode(cells)
	}
	return bench.WriteTable(os.Stdout, cells)
}

func (j *job) anomalies() error {
	j.results.Anomalies = nil
	for _, s := range j.stores {
		for _, p := range s.Peers {
			if p.Name == "raw" {
				continue
			}
			a, err := bench.Anomalies(s.Name, p)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.Name, p.Name, err)
			}
			fmt.Printf("%s, %s: %d of 50 keys, counter %d of 50, back after the logout: %t\n", a.Store, a.Peer, a.Keys, a.Counter, a.Revived)
			j.results.Anomalies = append(j.results.Anomalies, a)
		}
	}
	return nil
}

func (j *job) races() (err error) {
	j.results.Races, err = race.Run(context.Background(), j.dir)
	for _, r := range j.results.Races {
		fmt.Printf("%+v\n", r)
	}
	return err
}

func (j *job) latency() error {
	j.results.Latency = nil
	for _, s := range j.some("memory", "SQLite FULL", "PostgreSQL") {
		for _, p := range s.Peers {
			if p.Name == "fiber" || p.Name == "gin" {
				continue
			}
			l, err := bench.MeasureLatency(s.Name, p, 1000, 5*time.Second)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.Name, p.Name, err)
			}
			fmt.Printf("%s, %s: median %v, 99 %% %v, longest %v, failed %d\n", l.Store, l.Peer, l.Median, l.P99, l.Max, l.Failed)
			j.results.Latency = append(j.results.Latency, l)
		}
	}
	return nil
}

// some returns the stores of these names, if they can run here, in the order given.
func (j *job) some(names ...string) []bench.Store {
	var some []bench.Store
	for _, n := range names {
		for _, s := range j.stores {
			if s.Name == n {
				some = append(some, s)
			}
		}
	}
	return some
}

func (j *job) payload() error {
	j.results.Payload = nil
	for _, payload := range []string{"1x50000", "200x50"} {
		cells, err := bench.Measure(bench.Plan{
			Stores: j.some("memory", "SQLite FULL", "PostgreSQL"), Workloads: bench.Workloads[1:3], Payload: payload,
			Passes: j.passes, Time: j.time, Progress: os.Stderr,
		})
		if err != nil {
			return err
		}
		if err := bench.WriteTable(os.Stdout, cells); err != nil {
			return err
		}
		j.results.Payload = append(j.results.Payload, cells...)
	}
	return nil
}

func (j *job) curves() error {
	j.results.Curves = nil
	for _, s := range j.some("memory") {
		keys, err := bench.Grow("keys", "Read and set a key, in memory", "keys of 30 bytes", s, []int{1, 10, 100, 1000},
			func(x int) string { return fmt.Sprintf("%dx30", x) }, j.time, os.Stderr)
		if err != nil {
			return err
		}
		size, err := bench.Grow("payload", "Read and set a key beside a large one, in memory", "bytes of the large value", s, []int{100, 1000, 10_000, 100_000, 500_000},
			func(x int) string { return fmt.Sprintf("1x%d", x) }, j.time, os.Stderr)
		if err != nil {
			return err
		}
		j.results.Curves = append(j.results.Curves, keys, size)
	}
	for _, s := range j.some("SQLite FULL", "PostgreSQL") {
		name := "clients-" + strings.ToLower(strings.Fields(s.Name)[0])
		c, err := bench.Crowd(name, "Read and set a key, many clients, "+s.Name, s, []int{1, 2, 4, 8, 16, 32, 64}, j.time, os.Stderr)
		if err != nil {
			return err
		}
		j.results.Curves = append(j.results.Curves, c)
	}
	return nil
}

func (j *job) scale() error {
	var rows []int
	for n := 10_000; n <= j.rows; n *= 100 {
		rows = append(rows, n)
	}
	var err error
	j.results.Scale, err = stores.Scale(j.dir, j.driver, os.Getenv("SESSION_TEST_POSTGRES"), rows, func(what string) { fmt.Fprintln(os.Stderr, what) })
	for _, s := range j.results.Scale {
		fmt.Printf("%+v\n", s)
	}
	return err
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
