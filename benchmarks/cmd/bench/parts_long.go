package main

import (
	"fmt"
	"os"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/represent"
	"github.com/expanse-go/session/benchmarks/stores"
)

// gc compares the memory stores of this library and of scs.
func (j *job) gc() error {
	all, err := stores.GC(j.rows, 3, progress)
	for _, g := range all {
		fmt.Printf("%+v\n", g)
	}
	j.results.GC = bench.Merge(j.results.GC, all, func(g bench.GC) string { return g.Peer })
	return err
}

func (j *job) prune() error {
	all, err := stores.Prune(j.dir, j.driver, j.postgres(), j.kinds, j.rows, 10*time.Second, progress)
	for _, p := range all {
		fmt.Printf("%+v\n", p)
	}
	j.results.Prune = bench.Merge(j.results.Prune, all, func(p bench.Prune) string { return p.Store })
	return err
}

func (j *job) processes() error {
	for _, kind := range []string{"sqlite", "postgres"} {
		if kind == "postgres" && j.postgres() == "" {
			continue
		}
		all, curve, err := stores.Processes(kind, j.dir, j.driver, j.postgres(), []int{1, 2, 4, 8}, max(j.time*10, 2*time.Second), progress)
		if err != nil {
			return err
		}
		for _, p := range all {
			fmt.Printf("%+v\n", p)
		}
		j.results.Processes = bench.Merge(j.results.Processes, all, bench.Processes.Key)
		j.draw(curve)
	}
	return nil
}

func (j *job) representations() error {
	all, err := represent.Measure(3*j.passes, j.time/10, os.Stderr)
	if err != nil {
		return err
	}
	for _, r := range all {
		fmt.Printf("%s, %s: read one %.2f, ten %.2f, write %.2f\n", r.Session, r.Name, r.ReadOne.Ratio(), r.ReadTen.Ratio(), r.Write.Ratio())
	}
	j.results.Representations = all
	return nil
}

func (j *job) http() error {
	all, err := stores.Loopback(j.dir, j.driver, j.passes, max(j.time*10, 2*time.Second), progress)
	for _, l := range all {
		fmt.Printf("%+v\n", l)
	}
	j.results.Loopback = bench.Merge(j.results.Loopback, all, bench.Loopback.Key)
	return err
}

// network compares servers that are a round trip away. All peers take part, whatever -peers
// says.
func (j *job) network() error {
	var names []string
	for _, s := range j.stores {
		names = append(names, s.Name)
	}
	all, err := stores.Network(names, bench.NetworkPlan{
		Workloads: j.workloads, Passes: j.passes, Time: 5 * j.time / 4, Progress: progress,
	}, j.trips)
	fmt.Print(bench.Results{Network: all}.NetworkTable())
	j.results.Network = bench.Merge(j.results.Network, all, bench.Network.Key)
	return err
}

func (j *job) footprint() error {
	all, err := stores.Footprints(j.dir, j.driver, min(j.rows, 50_000), j.passes, progress)
	for _, f := range all {
		fmt.Printf("%+v\n", f)
	}
	j.results.Footprints = bench.Merge(j.results.Footprints, all, func(f bench.Footprint) string { return f.Engine })
	return err
}
