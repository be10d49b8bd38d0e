package storecheck

import (
	"errors"
	"fmt"

	"github.com/expanse-go/session"
)

var viewClauses = []Clause{
	{Name: "View/same", Rule: "View returns what Load returns", Needs: Views, check: viewSame},
	{Name: "View/absent", Rule: "View returns ErrNotFound if there is no record, as Load does", Needs: Views, check: viewAbsent},
	{Name: "View/never-changes", Rule: "Data that View returned never changes: later writes use other memory", Needs: Views, check: viewNeverChanges},
}

// view calls the store itself, without [session.Capability], as the manager does.
func (p *probe) view(id session.ID) (session.Record, error) {
	return p.store.(session.Viewer).View(p.ctx, id)
}

func viewSame(p *probe) error {
	r, err := p.create(p.full())
	if err != nil {
		return err
	}
	if r, err = p.update(r); err != nil {
		return err
	}
	got, err := p.view(r.ID)
	if err != nil {
		return fmt.Errorf("View: %w", err)
	}
	return diff(got, r)
}

func viewAbsent(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if _, err := p.view(r.ID); !errors.Is(err, session.ErrNotFound) {
		return fmt.Errorf("View of a deleted record: got error %v, want ErrNotFound", err)
	}
	return nil
}

// viewNeverChanges keeps the viewed data while data of the same length, and then
// another record, replace it.
func viewNeverChanges(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	seen, err := p.view(r.ID)
	if err != nil {
		return fmt.Errorf("View: %w", err)
	}
	want := clone(seen)
	for i := range r.Data {
		r.Data[i] ^= 0xFF
	}
	if err := p.store.Update(p.ctx, r); err != nil {
		return fmt.Errorf("Update: %w", err)
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if _, err := p.fresh(); err != nil {
		return err
	}
	return diff(seen, want)
}
