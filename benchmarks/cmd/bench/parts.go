package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/race"
	"github.com/expanse-go/session/benchmarks/stores"
)

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
	for _, s := range j.stores {
		for _, p := range s.Peers {
			if p.Name == "raw" {
				continue
			}
			a, err := bench.Anomalies(s.Name, p)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", s.Name, p.Name, err)
			}
			fmt.Printf("%s, %s: %d of 50 keys, counter %d of 50, revived after the logout: %t\n", a.Store, a.Peer, a.Keys, a.Counter, a.Revived)
			j.results.Anomalies = bench.Merge(j.results.Anomalies, []bench.Anomaly{a}, func(a bench.Anomaly) string { return a.Store + "/" + a.Peer })
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

// drivers compares the SQLite drivers.
func (j *job) drivers() error {
	cells, err := bench.Measure(bench.Plan{
		Stores: stores.Drivers(j.dir), Workloads: bench.Workloads[1:], Passes: j.passes, Time: j.time, Progress: os.Stderr,
	})
	if err != nil {
		return err
	}
	j.results.Drivers = cells
	return bench.WriteTable(os.Stdout, cells)
}

func (j *job) latency() error {
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
			j.results.Latency = bench.Merge(j.results.Latency, []bench.Latency{l}, func(l bench.Latency) string { return l.Store + "/" + l.Peer })
		}
	}
	return nil
}

// some returns those of the named stores that can run here, in the given order.
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
		j.results.Payload = bench.Merge(j.results.Payload, cells, func(c *bench.Cell) string {
			return strings.Join([]string{c.Store, c.Workload, c.Payload, c.Peer}, "/")
		})
	}
	return nil
}

func (j *job) curves() error {
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
		j.draw(keys, size)
	}
	for _, s := range j.some("SQLite FULL", "PostgreSQL") {
		name := "clients-" + strings.ToLower(strings.Fields(s.Name)[0])
		c, err := bench.Crowd(name, "Read and set a key, many clients, "+s.Name, s, []int{1, 2, 4, 8, 16, 32, 64}, j.time, os.Stderr)
		if err != nil {
			return err
		}
		j.draw(c)
	}
	return nil
}

// draw adds curves to the results, replacing those of the same names.
func (j *job) draw(curves ...bench.Curve) {
	j.results.Curves = bench.Merge(j.results.Curves, curves, func(c bench.Curve) string { return c.Name })
}

func (j *job) scale() error { return j.tables(10_000, 1_000_000) }

// scale10m is a separate part because it takes several minutes and 25 GB of disk. It measures
// the smaller tables again, because only results of the same run are comparable.
func (j *job) scale10m() error { return j.tables(10_000, 1_000_000, 10_000_000) }

func (j *job) tables(rows ...int) error {
	all, err := stores.Scale(j.dir, j.driver, j.postgres(), rows, progress)
	for _, s := range all {
		fmt.Printf("%+v\n", s)
	}
	j.results.Scale = bench.Merge(j.results.Scale, all, func(s bench.Scale) string { return fmt.Sprint(s.Store, "/", s.Rows) })
	return err
}

// postgres returns the address of the server, "" if there is none.
func (j *job) postgres() string { return os.Getenv("SESSION_TEST_POSTGRES") }

func progress(what string) { fmt.Fprintln(os.Stderr, what) }
