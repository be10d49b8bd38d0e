package storecheck

import (
	"cmp"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var pruneClauses = []Clause{
	{Name: "Prune/removes", Rule: "Prune deletes records whose ExpiresAt is before the given instant, and returns how many it deleted", Needs: Prunes, check: pruneRemoves},
	{Name: "Prune/boundary", Rule: "Prune deletes records whose ExpiresAt is before the given instant, and no other", Needs: Prunes, check: pruneBoundary},
	{Name: "Prune/limit", Rule: "Prune deletes at most limit records", Needs: Prunes, check: pruneLimit},
	{Name: "Prune/batches", Rule: "fewer than limit means that no more were found", Needs: Prunes, check: pruneBatches},
	{Name: "Prune/limit-below-one", Rule: "Prune with a limit below 1 deletes nothing", Needs: Prunes, check: pruneNothing},
	{Name: "Prune/parallel", Rule: "several processes may prune at once", Needs: Prunes, check: pruneParallel},
	{Name: "Prune/parallel-update", Rule: "each method is atomic: Prune does not delete a record whose expiry was extended at the same time", Needs: Prunes, check: pruneParallelUpdate},
}

// past returns the instant before which the clauses prune. If the store belongs to the
// clause, that is in the future, because a store may delete expired records by itself.
// If others use the store, it is in the distant past, when no real record expires.
func (p *probe) past() time.Time {
	if p.env.Occupied {
		return time.Date(1990, 1, 1, 0, 0, p.now.Second(), 0, time.UTC)
	}
	return p.now.Add(time.Hour)
}

// outdated creates n records that expire before p.past. It returns ok == false if
// another process deletes such records, so that Prune cannot be checked.
func (p *probe) outdated(n int, f func(i int, r *session.Record)) (rs []session.Record, ok bool, err error) {
	for i := range n {
		r := p.record()
		r.ExpiresAt = p.past().Add(-time.Duration(i+1) * time.Second)
		if f != nil {
			f(i, &r)
		}
		if err := p.store.Create(p.ctx, clone(r)); err != nil {
			return nil, false, fmt.Errorf("Create of a new record: %w", err)
		}
		r.Version = 1
		rs = append(rs, r)
	}
	return rs, !p.env.Occupied || p.left(rs) == n, nil
}

// left returns how many of the records exist.
func (p *probe) left(rs []session.Record) (n int) {
	for _, r := range rs {
		if p.gone(r.ID) != nil {
			n++
		}
	}
	return n
}

func (p *probe) prune(limit int) (int, error) {
	pruner, _ := session.Capability[session.Pruner](p.store)
	n, err := pruner.Prune(p.ctx, p.past(), limit)
	if err != nil {
		return n, fmt.Errorf("Prune: %w", err)
	}
	return n, nil
}

func pruneRemoves(p *probe) error {
	owners := []string{"", "user-42", "user-43"}
	rs, ok, err := p.outdated(len(owners), func(i int, r *session.Record) { r.Owner = owners[i] })
	if err != nil || !ok {
		return err
	}
	if err := p.store.Update(p.ctx, clone(rs[0])); err != nil {
		return fmt.Errorf("Update of the current version: %w", err)
	}
	n, err := p.prune(1000)
	if err != nil {
		return err
	}
	if left := p.left(rs); left != 0 {
		return fmt.Errorf("%d of %d outdated records are left", left, len(rs))
	}
	if n != len(rs) {
		return fmt.Errorf("Prune returned %d, want %d", n, len(rs))
	}
	return nil
}

func pruneBoundary(p *probe) error {
	at := []time.Duration{-1, 0, 1, time.Hour}
	rs, ok, err := p.outdated(len(at), func(i int, r *session.Record) { r.ExpiresAt = p.past().Add(at[i]) })
	if err != nil || !ok {
		return err
	}
	if _, err := p.prune(1000); err != nil {
		return err
	}
	if err := p.gone(rs[0].ID); err != nil {
		return fmt.Errorf("expires a nanosecond before the instant: %w", err)
	}
	for i, r := range rs[1:] {
		if _, err := p.load(r.ID); err != nil {
			return fmt.Errorf("expires %v after the instant: %w", at[i+1], err)
		}
	}
	return nil
}

func pruneLimit(p *probe) error {
	const n, limit = 5, 2
	rs, ok, err := p.outdated(n, nil)
	if err != nil || !ok {
		return err
	}
	if _, err := p.prune(limit); err != nil {
		return err
	}
	if left := p.left(rs); left < n-limit {
		return fmt.Errorf("limit %d: %d of %d records were deleted", limit, n-left, n)
	}
	return nil
}

// pruneBatches calls Prune as the manager does.
func pruneBatches(p *probe) error {
	const n, limit = 5, 2
	rs, ok, err := p.outdated(n, nil)
	if err != nil || !ok {
		return err
	}
	for range n + 1 {
		deleted, err := p.prune(limit)
		if err != nil {
			return err
		}
		if deleted >= limit {
			continue
		}
		if left := p.left(rs); left != 0 {
			return fmt.Errorf("Prune returned %d with limit %d, but %d outdated records are left", deleted, limit, left)
		}
		return nil
	}
	return fmt.Errorf("Prune never returned less than its limit, for %d records in batches of %d", n, limit)
}

func pruneNothing(p *probe) error {
	for _, limit := range []int{0, -1} {
		rs, ok, err := p.outdated(2, nil)
		if err != nil || !ok {
			return err
		}
		n, err := p.prune(limit)
		if err != nil {
			return err
		}
		if left := p.left(rs); left != len(rs) || n != 0 {
			return fmt.Errorf("limit %d: Prune returned %d, and deleted %d", limit, n, len(rs)-left)
		}
	}
	return nil
}

func pruneParallel(p *probe) error {
	const n, pruners = 12, 4
	rs, ok, err := p.outdated(n, nil)
	if err != nil || !ok {
		return err
	}
	deleted := make([]int, pruners)
	if err := cmp.Or(parallel(pruners, func(i int) (err error) {
		deleted[i], err = p.prune(1000)
		return err
	})...); err != nil {
		return err
	}
	sum := 0
	for _, d := range deleted {
		sum += d
	}
	if left := p.left(rs); sum != n-left {
		return fmt.Errorf("%d concurrent calls of Prune returned %v, in total %d, but %d of %d records are left", pruners, deleted, sum, left, n)
	}
	return nil
}

func pruneParallelUpdate(p *probe) error {
	for n := range rounds {
		rs, ok, err := p.outdated(1, nil)
		if err != nil || !ok {
			return err
		}
		r := rs[0]
		r.ExpiresAt = p.now.Add(2 * time.Hour)
		pruned, updated := race(n,
			func() error { _, err := p.prune(1000); return err },
			func() error { return p.store.Update(p.ctx, clone(r)) })
		if pruned != nil {
			return pruned
		}
		if updated != nil {
			err = p.gone(r.ID)
		} else {
			_, err = p.load(r.ID)
		}
		if err != nil {
			return fmt.Errorf("after a Prune and an Update (error %v) at the same time: %w", updated, err)
		}
	}
	return nil
}
