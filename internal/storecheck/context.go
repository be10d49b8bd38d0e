package storecheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

// A cancelled call may fail or succeed. What it may not do is to claim something
// that is not so, or to stop half-way. (A call that hangs is stopped by Check.)
var contextClauses = []Clause{
	{Name: "Context/load", Rule: "a method honours the cancellation of ctx: a Load that was cut short does not say ErrNotFound", check: contextLoad},
	{Name: "Context/create", Rule: "a method honours the cancellation of ctx, and is atomic: a Create that was cut short stores all or nothing", check: contextCreate},
	{Name: "Context/update", Rule: "a method honours the cancellation of ctx, and is atomic: an Update that was cut short stores all or nothing", check: contextUpdate},
	{Name: "Context/delete", Rule: "a method honours the cancellation of ctx: a Delete that says nil has removed the record", check: contextDelete},
	{Name: "Context/touch", Rule: "a method honours the cancellation of ctx, and is atomic: a Touch that was cut short moves all or nothing", Needs: Touches, check: contextTouch},
}

// interrupted calls f in rounds: first with a context that has ended, then with
// one that ends at about the same time.
func (p *probe) interrupted(f func(ctx context.Context) error) error {
	for n := range rounds {
		ctx, cancel := context.WithCancel(p.ctx)
		if n == 0 {
			cancel()
		} else {
			go cancel()
		}
		err := f(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("with a cancelled context: %w", err)
		}
	}
	return nil
}

// definite reports as an error if err gives an answer that only a call which ran
// to its end can know, and that is wrong here.
func definite(call string, err error) error {
	if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("%s says %w, which is not so", call, err)
	}
	return nil
}

func contextLoad(p *probe) error {
	want, err := p.fresh()
	if err != nil {
		return err
	}
	return p.interrupted(func(ctx context.Context) error {
		got, err := p.store.Load(ctx, want.ID)
		if err != nil {
			return definite("Load", err)
		}
		return diff(got, want)
	})
}

// contextCreate compares with what a Create stores that is left in peace.
func contextCreate(p *probe) error {
	model, err := p.create(p.full())
	if err != nil {
		return err
	}
	return p.interrupted(func(ctx context.Context) error {
		r := p.full()
		r.Data = model.Data
		err := p.store.Create(ctx, clone(r))
		if wrong := definite("Create", err); wrong != nil {
			return wrong
		}
		got, loadErr := p.store.Load(p.ctx, r.ID)
		if loadErr != nil {
			if err == nil {
				return fmt.Errorf("Create says nil, but then Load: %w", loadErr)
			}
			return p.settle(r)
		}
		want := model
		want.ID = r.ID
		return diff(got, want)
	})
}

// settle waits for a Create that was cut short and that the server may still be at:
// a second one of the same ID has to wait for its outcome. Otherwise its record
// could come after everything was cleaned up.
func (p *probe) settle(r session.Record) error {
	if err := p.store.Create(p.ctx, clone(r)); err != nil && !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("Create after one that was cut short: %w", err)
	}
	return nil
}

// contextUpdate compares with what an Update stores that is left in peace.
func contextUpdate(p *probe) error {
	model, err := p.fresh()
	if err != nil {
		return err
	}
	change := p.full()
	change.ID, change.Version = model.ID, model.Version
	if model, err = p.update(change); err != nil {
		return err
	}
	return p.interrupted(func(ctx context.Context) error {
		old, err := p.fresh()
		if err != nil {
			return err
		}
		r := change
		r.ID, r.Version = old.ID, old.Version
		err = p.store.Update(ctx, clone(r))
		if wrong := definite("Update", err); wrong != nil {
			return wrong
		}
		got, loadErr := p.load(r.ID)
		if loadErr != nil {
			return loadErr
		}
		if err != nil && got.Version == old.Version {
			return diff(got, old)
		}
		want := model
		want.ID = r.ID
		return diff(got, want)
	})
}

func contextDelete(p *probe) error {
	return p.interrupted(func(ctx context.Context) error {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		if p.store.Delete(ctx, r.ID) == nil {
			return p.gone(r.ID)
		}
		return nil // what is left then is anybody's guess
	})
}

func contextTouch(p *probe) error {
	t, _ := session.Capability[session.Toucher](p.store)
	return p.interrupted(func(ctx context.Context) error {
		old, err := p.fresh()
		if err != nil {
			return err
		}
		last, expires := old.LastActivity.Add(time.Minute), old.ExpiresAt.Add(time.Minute)
		err = t.Touch(ctx, old.ID, last, expires)
		if wrong := definite("Touch", err); wrong != nil {
			return wrong
		}
		got, loadErr := p.load(old.ID)
		if loadErr != nil {
			return loadErr
		}
		switch a, b := got.LastActivity.Equal(last), got.ExpiresAt.Equal(expires); {
		case a != b:
			return fmt.Errorf("Touch moved LastActivity %t, and ExpiresAt %t", a, b)
		case !a && err == nil:
			return errors.New("Touch says nil, but moved nothing")
		}
		return nil
	})
}
