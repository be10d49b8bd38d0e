package storecheck

import (
	"errors"
	"fmt"

	"github.com/expanse-go/session"
)

// These clauses check what outlives a process, and what processes see of each other.
var (
	reopenClauses = []Clause{
		{Name: "Reopen/records", Rule: "a persistent store keeps every record unchanged across a restart", Needs: Reopens, check: reopenRecords},
		{Name: "Reopen/deleted", Rule: "a deleted record does not come back after a restart", Needs: Reopens, check: reopenDeleted},
		{Name: "Reopen/owner", Rule: "a persistent store still lists records by owner after a restart", Needs: Reopens | ListsOwner, check: reopenOwner},
	}
	shareClauses = []Clause{
		{Name: "Share/visible", Rule: "a store that several processes share has one state: each process sees what the others have written", Needs: Shares, check: shareVisible},
		{Name: "Share/counter", Rule: "each method is atomic between processes: a counter that several processes increment by Load and Update is exact", Needs: Shares, check: shareCounter},
	}
)

func (p *probe) reopen() error {
	s, err := p.env.Reopen(p.ctx, p.store)
	if err != nil {
		return fmt.Errorf("reopen: %w", err)
	}
	p.store = s
	return nil
}

func reopenRecords(p *probe) error {
	created, err := p.fresh()
	if err != nil {
		return err
	}
	updated, err := p.create(p.full())
	if err != nil {
		return err
	}
	updated.Data = append(updated.Data, "\x00\xff"...)
	updated.ExpiresAt = updated.ExpiresAt.Add(1)
	if updated, err = p.update(updated); err != nil {
		return err
	}
	if err := p.reopen(); err != nil {
		return err
	}
	if err := errors.Join(p.stays(created), p.stays(updated)); err != nil {
		return fmt.Errorf("after a restart: %w", err)
	}
	_, err = p.update(updated)
	return err
}

func reopenDeleted(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.deletes(r.ID); err != nil {
		return err
	}
	if err := p.reopen(); err != nil {
		return err
	}
	if err := p.gone(r.ID); err != nil {
		return fmt.Errorf("deleted before the restart: %w", err)
	}
	return nil
}

func reopenOwner(p *probe) error {
	owner, rs, err := p.owned(1)
	if err != nil {
		return err
	}
	if err := p.reopen(); err != nil {
		return err
	}
	found, err := p.lists(owner, rs[0].ID)
	if err == nil && !found {
		err = errors.New("after a restart the record is not listed for its owner")
	}
	return err
}

func (p *probe) share() (session.Store, error) {
	s, err := p.env.Share(p.ctx, p.store)
	if err != nil {
		return nil, fmt.Errorf("second handle: %w", err)
	}
	return s, nil
}

// shareVisible lets each handle load the record before the other handle changes it, so
// that a handle which caches the record fails.
func shareVisible(p *probe) error {
	other, err := p.share()
	if err != nil {
		return err
	}
	r, err := p.fresh()
	if err != nil {
		return err
	}
	stores := []session.Store{p.store, other}
	for n := range 4 {
		writer, reader := stores[n%2], stores[(n+1)%2]
		r.Data = fmt.Appendf(nil, "written by handle %d", n%2)
		if err := writer.Update(p.ctx, clone(r)); err != nil {
			return fmt.Errorf("Update of a record that the other handle wrote: %w", err)
		}
		if r, err = writer.Load(p.ctx, r.ID); err != nil {
			return fmt.Errorf("Load of a stored record: %w", err)
		}
		got, err := reader.Load(p.ctx, r.ID)
		if err != nil {
			return fmt.Errorf("Load of a record that the other handle wrote: %w", err)
		}
		if err := diff(got, r); err != nil {
			return fmt.Errorf("after the other handle wrote the record: %w", err)
		}
	}
	if err := other.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := p.store.Update(p.ctx, clone(r)); err == nil {
		return errors.New("Update after the other handle's Delete succeeded")
	}
	return p.gone(r.ID)
}

func shareCounter(p *probe) error {
	other, err := p.share()
	if err != nil {
		return err
	}
	return p.counts(4, func(i int) session.Store { return []session.Store{p.store, other}[i%2] })
}
