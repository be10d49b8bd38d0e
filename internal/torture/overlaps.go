package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/pagemodel"
)

// overlapSteps is the length of a history of overlapping requests.
const overlapSteps = 120

// overlaps checks histories of overlapping requests in an order that the seed chooses, with
// a clock that the history moves. The store is opened twice, as by two processes.
func (t *trial) overlaps(ctx context.Context) (err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	var stores []session.Store
	var opened []openStore
	defer func() {
		for _, s := range opened {
			err = errors.Join(err, s.close())
		}
	}()
	for range 2 {
		s, err := loc.open(ctx)
		if err != nil {
			return err
		}
		opened = append(opened, s)
		stores = append(stores, s.Store)
	}
	n := max(1, t.rounds/3)
	if t.kind == "memory" { // which processes cannot share, and which is much faster
		stores[1], n = stores[0], t.rounds*20
	}
	start := time.Now()
	for i := range n {
		if err := pagemodel.Overlap(stores, t.seed+uint64(i), overlapSteps); err != nil {
			return fmt.Errorf("overlaps, %s, history %d in %.1fs: %w", t.kind, i+1, time.Since(start).Seconds(), err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	t.totals.histories += n
	t.totals.operations += n * overlapSteps
	fmt.Fprintf(t.out, "overlap %-8s seed %d: %d histories of %d steps of overlapping requests: as the model says, in %.1fs\n",
		t.kind, t.seed, n, overlapSteps, time.Since(start).Seconds())
	return nil
}
