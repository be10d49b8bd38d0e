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
	kind string
	dir  string // for files
	seed uint64
	out  io.Writer
	did  *deeds

	rounds    int           // of the model check, at most
	kills     int           // of the crash test
	each      time.Duration // of the faults: how long each lasts
	processes int
}

// Deeds are what a run has done, all stores together.
type deeds struct {
	mutants, histories, operations, kills, commits, faults, interleavings int
}

func (d *deeds) String() string {
	return fmt.Sprintf("%d mutants caught, %d histories of %d operations, %d kills at %d commits, %d faults, %d interleavings",
		d.mutants, d.histories, d.operations, d.kills, d.commits, d.faults, d.interleavings)
}

// model checks histories of several processes (managers, for the store in memory)
// against the model, with and without lost answers.
func (t *trial) model(ctx context.Context) (err error) {
	p, err := newPlace(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	file := filepath.Join(t.dir, "clock-"+t.kind)
	c, err := openClock(file)
	if err != nil {
		return err
	}
	workers, end, err := t.workers(ctx, p, c, file)
	if err != nil {
		return errors.Join(err, end())
	}
	defer func() { err = errors.Join(err, end()) }()

	start := time.Now()
	histories, operations, visits := 0, 0, 0
	outcomes := map[outcome]int{}
	for i := range t.rounds {
		r := &round{workers: workers, clock: c, seed: t.seed + uint64(i), clients: 9, errands: 40}
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
		visits += int(r.visits.Load())
		for _, h := range r.histories {
			operations += len(h)
		}
		for o, n := range r.outcomes {
			outcomes[o] += n
		}
	}
	t.did.histories += histories
	t.did.operations += operations
	fmt.Fprintf(t.out, "model   %-8s seed %d: %d histories of %d operations in %d visits by %d workers: linearizable (%s) in %.1fs\n",
		t.kind, t.seed, histories, operations, visits, len(workers), count(outcomes), time.Since(start).Seconds())
	return nil
}

// workers are processes, or managers in this one if the store is in its memory.
func (t *trial) workers(ctx context.Context, p place, c *clock, clockFile string) (all []doer, end func() error, err error) {
	end = func() error { return nil }
	if p.Kind == "memory" {
		store, err := p.open(ctx)
		if err != nil {
			return nil, end, err
		}
		for range t.processes {
			w, err := newWorker(store.Store, c)
			if err != nil {
				return nil, end, err
			}
			all = append(all, local{w})
		}
		return all, end, nil
	}
	var started []*remote
	end = func() error { return closeAll(started) }
	for range t.processes {
		r, err := newRemote(workplace{Place: p, Clock: clockFile})
		if err != nil {
			return nil, end, err
		}
		started = append(started, r)
		all = append(all, r)
	}
	return all, end, nil
}

// count tells of what there was how much, in order.
func count[K ~string](n map[K]int) string {
	var parts []string
	for k, v := range n {
		parts = append(parts, fmt.Sprintf("%s %d", string(k), v))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// tempDir is a folder of the run, which is removed after it.
func tempDir() (string, func(), error) {
	dir, err := os.MkdirTemp("", "session-torture-")
	return dir, func() { os.RemoveAll(dir) }, err
}
