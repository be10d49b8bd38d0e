package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A trial is one experiment on one store.
type trial struct {
	kind   string
	dir    string // for files
	seed   uint64
	out    io.Writer
	totals *totals

	rounds    int           // of the model check
	kills     int           // of the crash test
	each      time.Duration // of the faults: how long each lasts
	processes int
	cheap     bool   // leave out the failovers that take long
	only      string // of the faults and failovers, run those whose names contain this
}

// Totals count what a run did on all stores.
type totals struct {
	mutants, histories, operations, kills, commits, faults, interleavings int
}

func (n *totals) String() string {
	return fmt.Sprintf("%d mutants caught, %d histories of %d operations, %d kills at %d commits, %d faults, %d interleavings",
		n.mutants, n.histories, n.operations, n.kills, n.commits, n.faults, n.interleavings)
}

// model checks histories of several processes (of several managers for the memory store)
// against the model. Every other round loses store responses.
func (t *trial) model(ctx context.Context) (err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	file := filepath.Join(t.dir, "clock-"+t.kind)
	c, err := openClock(file)
	if err != nil {
		return err
	}
	workers, end, err := t.workers(ctx, loc, c, file)
	if err != nil {
		return errors.Join(err, end())
	}
	defer func() { err = errors.Join(err, end()) }()

	start := time.Now()
	histories, operations, tasks := 0, 0, 0
	outcomes := map[outcome]int{}
	for i := range t.rounds {
		r := &round{workers: workers, clock: c, seed: t.seed + uint64(i), clients: 9, tasks: 40}
		if i%2 == 1 {
			r.loss = 0.1
		}
		if err := c.set(0); err != nil {
			return err
		}
		if err := r.run(ctx); err != nil {
			return fmt.Errorf("model, %s, -seed %d -rounds %d: %w", t.kind, t.seed, i+1, err)
		}
		histories += len(r.histories)
		tasks += int(r.executed.Load())
		for _, h := range r.histories {
			operations += len(h)
		}
		for o, n := range r.outcomes {
			outcomes[o] += n
		}
	}
	t.totals.histories += histories
	t.totals.operations += operations
	fmt.Fprintf(t.out, "model   %-8s seed %d: %d histories of %d operations in %d tasks on %d workers: linearizable (%s) in %.1fs\n",
		t.kind, t.seed, histories, operations, tasks, len(workers), formatCounts(outcomes), time.Since(start).Seconds())
	return nil
}

// workers starts worker processes. The memory store can't be shared between processes, so
// its workers are managers in this process.
func (t *trial) workers(ctx context.Context, loc location, c *clock, clockFile string) (all []worker, end func() error, err error) {
	end = func() error { return nil }
	if loc.Kind == "memory" {
		store, err := loc.open(ctx)
		if err != nil {
			return nil, end, err
		}
		for range t.processes {
			w, err := newLocalWorker(store.Store, c)
			if err != nil {
				return nil, end, err
			}
			all = append(all, w)
		}
		return all, end, nil
	}
	var started []*remoteWorker
	end = func() error { return closeAll(started) }
	for range t.processes {
		r, err := newRemoteWorker(workerConfig{Location: loc, Clock: clockFile})
		if err != nil {
			return nil, end, err
		}
		started = append(started, r)
		all = append(all, r)
	}
	return all, end, nil
}

// formatCounts lists the keys with their counts, in lexical order.
func formatCounts[K ~string](n map[K]int) string {
	var parts []string
	for k, v := range n {
		parts = append(parts, fmt.Sprintf("%s %d", string(k), v))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// tempDir creates a directory for one run; the function it returns removes it.
func tempDir() (string, func(), error) {
	dir, err := os.MkdirTemp("", "session-torture-")
	return dir, func() { os.RemoveAll(dir) }, err
}
