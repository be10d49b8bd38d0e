package storecheck

import (
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var deleteClauses = []Clause{
	{Name: "Delete/removes", Rule: "Delete removes the record", check: deleteRemoves},
	{Name: "Delete/absent", Rule: "Delete returns nil if there is no record", check: deleteAbsent},
	{Name: "Delete/others", Rule: "Delete removes the record, and no other", check: deleteOthers},
}

func deleteRemoves(p *probe) error {
	expired := p.record()
	expired.ExpiresAt = p.now.Add(-time.Minute)
	updated, err := p.fresh()
	if err != nil {
		return err
	}
	if updated, err = p.update(updated); err != nil {
		return err
	}
	for _, r := range []session.Record{p.record(), p.full(), expired} {
		if err := p.store.Create(p.ctx, r); err != nil {
			return fmt.Errorf("Create of a new record: %w", err)
		}
		if err := p.deletes(r.ID); err != nil {
			return err
		}
	}
	return p.deletes(updated.ID)
}

func (p *probe) deletes(id session.ID) error {
	if err := p.store.Delete(p.ctx, id); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	return p.gone(id)
}

func deleteAbsent(p *probe) error {
	if err := p.store.Delete(p.ctx, p.id()); err != nil {
		return fmt.Errorf("Delete of an ID that was never created: got error %w, want nil", err)
	}
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("second Delete: got error %w, want nil", err)
	}
	return nil
}

func deleteOthers(p *probe) error {
	_, rs, err := p.owned(3)
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, rs[1].ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	for _, r := range []session.Record{rs[0], rs[2]} {
		if err := p.stays(r); err != nil {
			return fmt.Errorf("another record of the owner: %w", err)
		}
	}
	return nil
}
