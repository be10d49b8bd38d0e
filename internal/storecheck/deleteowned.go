package storecheck

import (
	"fmt"

	"github.com/expanse-go/session"
)

var deleteOwnedClauses = []Clause{
	{Name: "DeleteOwned/removes", Rule: "DeleteOwned deletes the records with the given IDs, and returns how many it deleted; it ignores IDs without a record", Needs: DeletesOwner, check: deleteOwnedRemoves},
	{Name: "DeleteOwned/exact", Rule: "DeleteOwned deletes only records whose Owner is the given one, byte for byte", Needs: DeletesOwner, check: deleteOwnedExact},
	{Name: "DeleteOwned/listed", Rule: "DeleteOwned deletes only records with the given IDs", Needs: DeletesOwner, check: deleteOwnedListed},
	{Name: "DeleteOwned/moved", Rule: "DeleteOwned compares the owner at the moment of the deletion", Needs: DeletesOwner, check: deleteOwnedMoved},
}

// deleteOwned deletes the records of an owner.
func (p *probe) deleteOwned(owner string, rs ...session.Record) (int, error) {
	d, _ := session.Capability[session.OwnerDeleter](p.store)
	var ids []session.ID
	for _, r := range rs {
		ids = append(ids, r.ID)
	}
	n, err := d.DeleteOwned(p.ctx, owner, ids)
	if err != nil {
		return n, fmt.Errorf("DeleteOwned: %w", err)
	}
	return n, nil
}

// deleteOwnedRemoves uses more records than a store may delete at once.
func deleteOwnedRemoves(p *probe) error {
	for _, count := range []int{1, 3, 150} {
		owner := p.owner()
		rs, err := p.several(count, func(_ int, r *session.Record) { r.Owner = owner })
		if err != nil {
			return err
		}
		n, err := p.deleteOwned(owner, append(rs, session.Record{ID: p.id()})...)
		if err != nil {
			return err
		}
		if left := p.left(rs); left != 0 || n != count {
			return fmt.Errorf("DeleteOwned returned %d for %d records and an ID without one; %d records are left", n, count, left)
		}
	}
	if n, err := p.deleteOwned(p.owner()); n != 0 || err != nil {
		return fmt.Errorf("DeleteOwned of no IDs returned %d, %w", n, err)
	}
	return nil
}

func deleteOwnedExact(p *probe) error {
	tag := "d-" + p.id().String()[:16] + "-"
	owners := append(similarOwners(tag), "")
	rs, err := p.several(len(owners), func(i int, r *session.Record) { r.Owner = owners[i] })
	if err != nil {
		return err
	}
	for i, r := range rs {
		if r.Owner == "" {
			continue
		}
		if _, err := p.deleteOwned(r.Owner, rs...); err != nil {
			return err
		}
		for _, other := range rs[i+1:] {
			if _, err := p.load(other.ID); err != nil {
				return fmt.Errorf("DeleteOwned of %q: the record of %q: %w", r.Owner, other.Owner, err)
			}
		}
	}
	return nil
}

func deleteOwnedListed(p *probe) error {
	owner := p.owner()
	rs, err := p.several(3, func(_ int, r *session.Record) { r.Owner = owner })
	if err != nil {
		return err
	}
	if _, err := p.deleteOwned(owner, rs[1]); err != nil {
		return err
	}
	for _, r := range []session.Record{rs[0], rs[2]} {
		if _, err := p.load(r.ID); err != nil {
			return fmt.Errorf("a record whose ID was not given: %w", err)
		}
	}
	return nil
}

func deleteOwnedMoved(p *probe) error {
	former := p.owner()
	r := p.record()
	r.Owner = former
	r, err := p.create(r)
	if err != nil {
		return err
	}
	r.Owner = p.owner()
	if r, err = p.update(r); err != nil {
		return err
	}
	if _, err := p.deleteOwned(former, r); err != nil {
		return err
	}
	if _, err := p.load(r.ID); err != nil {
		return fmt.Errorf("DeleteOwned of the former owner: %w", err)
	}
	return nil
}
