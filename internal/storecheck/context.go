package storecheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

// A canceled call may fail or succeed. It must not report something that is not so,
// and must not stop halfway. ([Clause.Check] handles a call that hangs.)
var contextClauses = []Clause{
	{Name: "Context/load", Rule: "a method honors the cancellation of ctx: a Load that is canceled does not return ErrNotFound for a stored record", check: contextLoad},
	{Name: "Context/create", Rule: "a method honors the cancellation of ctx, and is atomic: a Create that is canceled stores the whole record or nothing", check: contextCreate},
	{Name: "Context/update", Rule: "a method honors the cancellation of ctx, and is atomic: an Update that is canceled stores the whole record or changes nothing", check: contextUpdate},
	{Name: "Context/delete", Rule: "a method honors the cancellation of ctx: a Delete that returns nil has removed the record", check: contextDelete},
	{Name: "Context/stat", Rule: "a method honors the cancellation of ctx: a Stat that is canceled leaves out no stored record", Needs: Stats, check: contextStat},
	{Name: "Context/touch", Rule: "a method honors the cancellation of ctx, and is atomic: a Touch that is canceled moves both times or neither", Needs: Touches, check: contextTouch},
}

// withCancel calls f several times: first with a context that has ended, then with
// contexts that end during the call.
func (p *probe) withCancel(f func(ctx context.Context) error) error {
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

// wrongAnswer returns an error if err matches ErrNotFound or ErrConflict. Only a call
// that ran to completion can know either, and both are wrong in these clauses.
func wrongAnswer(call string, err error) error {
	if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("%s returned %w, which is wrong", call, err)
	}
	return nil
}

func contextLoad(p *probe) error {
	want, err := p.fresh()
	if err != nil {
		return err
	}
	return p.withCancel(func(ctx context.Context) error {
		got, err := p.store.Load(ctx, want.ID)
		if err != nil {
			return wrongAnswer("Load", err)
		}
		return diff(got, want)
	})
}

// contextCreate compares each result with that of a Create that is not canceled.
func contextCreate(p *probe) error {
	model, err := p.create(p.full())
	if err != nil {
		return err
	}
	return p.withCancel(func(ctx context.Context) error {
		r := p.full()
		r.Data = model.Data
		err := p.store.Create(ctx, clone(r))
		if wrong := wrongAnswer("Create", err); wrong != nil {
			return wrong
		}
		got, loadErr := p.store.Load(p.ctx, r.ID)
		if loadErr != nil {
			if err == nil {
				return fmt.Errorf("Create returned nil, but then Load: %w", loadErr)
			}
			return p.settle(r)
		}
		want := model
		want.ID = r.ID
		return diff(got, want)
	})
}

// settle waits for a canceled Create that the server may still be executing: a
// second Create of the same ID has to wait for its outcome. Otherwise the record
// could appear after the cleanup.
func (p *probe) settle(r session.Record) error {
	if err := p.store.Create(p.ctx, clone(r)); err != nil && !errors.Is(err, session.ErrConflict) {
		return fmt.Errorf("Create after a cancelled one: %w", err)
	}
	return nil
}

// contextUpdate compares each result with that of an Update that is not canceled.
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
	return p.withCancel(func(ctx context.Context) error {
		old, err := p.fresh()
		if err != nil {
			return err
		}
		r := change
		r.ID, r.Version = old.ID, old.Version
		err = p.store.Update(ctx, clone(r))
		if wrong := wrongAnswer("Update", err); wrong != nil {
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
	return p.withCancel(func(ctx context.Context) error {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		if p.store.Delete(ctx, r.ID) == nil {
			return p.gone(r.ID)
		}
		return nil // the outcome is unknown
	})
}

func contextStat(p *probe) error {
	rs, err := p.several(20, func(int, *session.Record) {})
	if err != nil {
		return err
	}
	st, _ := session.Capability[session.Stater](p.store)
	ids := make([]session.ID, len(rs))
	for i, r := range rs {
		ids[i] = r.ID
	}
	return p.withCancel(func(ctx context.Context) error {
		found, err := st.Stat(ctx, ids)
		if err == nil && len(found) < len(ids) {
			return fmt.Errorf("Stat returned %d of %d stored records, and no error", len(found), len(ids))
		}
		return nil
	})
}

func contextTouch(p *probe) error {
	t, _ := session.Capability[session.Toucher](p.store)
	return p.withCancel(func(ctx context.Context) error {
		old, err := p.fresh()
		if err != nil {
			return err
		}
		last, expires := old.LastActivity.Add(time.Minute), old.ExpiresAt.Add(time.Minute)
		err = t.Touch(ctx, old.ID, last, expires)
		if wrong := wrongAnswer("Touch", err); wrong != nil {
			return wrong
		}
		got, loadErr := p.load(old.ID)
		if loadErr != nil {
			return loadErr
		}
		switch a, b := got.LastActivity.Equal(last), got.ExpiresAt.Equal(expires); {
		case a != b:
			return fmt.Errorf("Touch moved LastActivity: %t, and ExpiresAt: %t; want both or neither", a, b)
		case !a && err == nil:
			return errors.New("Touch returned nil, but moved nothing")
		}
		return nil
	})
}
