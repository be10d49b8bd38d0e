package storecheck

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var touchClauses = []Clause{
	{Name: "Touch/moves", Rule: "Touch moves LastActivity and ExpiresAt of the record forward", Needs: Touches, check: touchMoves},
	{Name: "Touch/each-alone", Rule: "each moves only if the new instant is later than the stored one", Needs: Touches, check: touchAlone},
	{Name: "Touch/never-shortens", Rule: "a touch never shortens", Needs: Touches, check: touchShortens},
	{Name: "Touch/unchanged", Rule: "a touch that moves nothing returns nil", Needs: Touches, check: touchUnchanged},
	{Name: "Touch/nothing-else", Rule: "Data, Version and everything else stay", Needs: Touches, check: touchNothingElse},
	{Name: "Touch/then-update", Rule: "Version stays: an Update of the version from before the touch succeeds", Needs: Touches, check: touchThenUpdate},
	{Name: "Touch/absent", Rule: "Touch returns nil if there is no record", Needs: Touches, check: touchAbsent},
	{Name: "Touch/expired", Rule: "only the manager judges expiry: a touch moves an expired record like any other", Needs: Touches, check: touchExpired},
	{Name: "Touch/parallel", Rule: "each method is atomic: after several concurrent touches, the record has the latest times", Needs: Touches, check: touchParallel},
	{Name: "Touch/parallel-update", Rule: "each method is atomic: a concurrent touch does not undo an Update", Needs: Touches, check: touchParallelUpdate},
	{Name: "Touch/parallel-delete", Rule: "each method is atomic: a concurrent touch does not bring back a deleted record", Needs: Touches, check: touchParallelDelete},
}

func (p *probe) touch(id session.ID, lastActivity, expires time.Time) error {
	t, _ := session.Capability[session.Toucher](p.store)
	if err := t.Touch(p.ctx, id, lastActivity, expires); err != nil {
		return fmt.Errorf("Touch: %w", err)
	}
	return nil
}

// touched touches the record with times at the given distances from the stored ones,
// and checks how far the stored times moved.
func (p *probe) touched(r session.Record, last, expires, wantLast, wantExpires time.Duration) error {
	if err := p.touch(r.ID, r.LastActivity.Add(last), r.ExpiresAt.Add(expires)); err != nil {
		return err
	}
	got, err := p.load(r.ID)
	if err != nil {
		return err
	}
	if d := got.LastActivity.Sub(r.LastActivity); d != wantLast {
		return fmt.Errorf("touched by %v and %v: LastActivity moved by %v, want %v", last, expires, d, wantLast)
	}
	if d := got.ExpiresAt.Sub(r.ExpiresAt); d != wantExpires {
		return fmt.Errorf("touched by %v and %v: ExpiresAt moved by %v, want %v", last, expires, d, wantExpires)
	}
	return nil
}

func touchMoves(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	const last, expires = time.Minute + 1, time.Hour + 999_999_999
	return p.touched(r, last, expires, last, expires)
}

func touchAlone(p *probe) error {
	for _, by := range [][2]time.Duration{
		{time.Minute, 0}, {0, time.Minute}, {time.Minute, -time.Second}, {-time.Second, time.Minute},
	} {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		if err := p.touched(r, by[0], by[1], max(by[0], 0), max(by[1], 0)); err != nil {
			return err
		}
	}
	return nil
}

func touchShortens(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	return p.touched(r, -time.Minute, -time.Minute, 0, 0)
}

func touchUnchanged(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	return p.touched(r, 0, 0, 0, 0)
}

func touchNothingElse(p *probe) error {
	r, err := p.create(p.full())
	if err != nil {
		return err
	}
	if err := p.touch(r.ID, r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute)); err != nil {
		return err
	}
	got, err := p.load(r.ID)
	if err != nil {
		return err
	}
	got.LastActivity, got.ExpiresAt = r.LastActivity, r.ExpiresAt // Touch/moves checks them
	return diff(got, r)
}

func touchThenUpdate(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.touch(r.ID, r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute)); err != nil {
		return err
	}
	_, err = p.update(r)
	return err
}

func touchAbsent(p *probe) error {
	never := p.id()
	if err := p.touch(never, p.now, p.now.Add(time.Hour)); err != nil {
		return fmt.Errorf("an ID that was never created: %w", err)
	}
	if err := p.gone(never); err != nil {
		return err
	}
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := p.touch(r.ID, p.now, p.now.Add(time.Hour)); err != nil {
		return fmt.Errorf("after Delete: %w", err)
	}
	return p.gone(r.ID)
}

// touchExpired does not load the record while it is expired, because Load/expired
// checks that.
func touchExpired(p *probe) error {
	r := p.record()
	r.ExpiresAt = p.now.Add(-time.Minute)
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return fmt.Errorf("Create of an expired record: %w", err)
	}
	return p.touched(r, time.Minute, 2*time.Minute, time.Minute, 2*time.Minute)
}

func touchParallel(p *probe) error {
	for range rounds {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		step := func(i int) time.Duration { return time.Duration(i+1) * time.Second }
		if err := cmp.Or(parallel(callers, func(i int) error {
			return p.touch(r.ID, r.LastActivity.Add(step(i)), r.ExpiresAt.Add(step(i)))
		})...); err != nil {
			return err
		}
		if err := p.touched(r, 0, 0, step(callers-1), step(callers-1)); err != nil {
			return fmt.Errorf("after %d parallel touches: %w", callers, err)
		}
	}
	return nil
}

// touchParallelUpdate checks the data only. If the Update ran last, the times are those
// of the Update. Touch/then-update checks that a touch does not cause a conflict.
func touchParallelUpdate(p *probe) error {
	for n := range rounds {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		r.Data = fmt.Appendf(nil, `{"written":"by Update","round":%d}`, n)
		touched, updated := race(n,
			func() error { return p.touch(r.ID, r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute)) },
			func() error { return p.store.Update(p.ctx, clone(r)) })
		if touched != nil {
			return touched
		}
		got, err := p.load(r.ID)
		if err != nil {
			return err
		}
		if updated == nil && (!bytes.Equal(got.Data, r.Data) || got.Version == r.Version) {
			return errors.New("a concurrent touch undid an Update")
		}
	}
	return nil
}

func touchParallelDelete(p *probe) error {
	for n := range rounds {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		// The touch may return any error here.
		_, deleted := race(n,
			func() error { return p.touch(r.ID, r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute)) },
			func() error { return p.store.Delete(p.ctx, r.ID) })
		if deleted != nil {
			return fmt.Errorf("Delete: %w", deleted)
		}
		if err := p.gone(r.ID); err != nil {
			return fmt.Errorf("after a touch and a Delete at the same time: %w", err)
		}
	}
	return nil
}
